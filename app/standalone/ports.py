"""Free ports on the loopback interface, remembered from one start to the next."""

from __future__ import annotations

import errno
import json
import secrets
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LOOPBACK = "127.0.0.1"
_ALL_ADDRESSES = "0.0.0.0"  # noqa: S104  asked about, never listened on

# Below the ports that Linux (32768) and macOS (49152) hand to outgoing connections, so that
# a server which restarts does not find its port taken by some client's end of a connection.
# SeaweedFS derives one port by adding 10,000; that one must lie below them too.
_CANDIDATES = range(10_240, 22_000)


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen there now.

    Raises:
        OSError: the address is not one of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def remembered_ports(file: Path, names: Sequence[str], *, also: int = 0) -> dict[str, int]:
    """Return a free port for each name: the one it had last time where that is free.

    Args:
        file: keeps them, as a JSON object; created and brought up to date.
        names: of the listeners.
        also: each port is chosen so that the one this much higher is free as well.

    Another program may take one before its server does: a start that fails is worth repeating
    when this then returns others.
    """
    known: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
    chosen: dict[str, int] = {}
    taken: set[int] = set()
    for name in names:
        port = known.get(name)
        while port is None or not _all_free({port, port + also}, taken):
            port = secrets.choice(_CANDIDATES)  # who seeds `random` alike would choose alike
        chosen[name] = port
        taken |= {port, port + also}
    if chosen != known:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(chosen))
    return chosen


def _all_free(ports: set[int], taken: set[int]) -> bool:
    # On every address, since SeaweedFS also asks about those on which it will not listen.
    return not ports & taken and all(is_free(port, _ALL_ADDRESSES) for port in ports)
