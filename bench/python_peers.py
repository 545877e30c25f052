"""devpi and pypiserver: what a team would use instead for Python projects."""

from __future__ import annotations

import base64
import json
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.standalone.ports import LOOPBACK, remembered_ports
from app.standalone.process import Part, running
from bench.client import Client, Unexpected
from bench.peer import Peer, answers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from bench.programs import Program

DEVPI = "devpi"
PYPISERVER = "pypiserver"
_PASSWORD = "bench"
_INDEX = "root/bench"
# Its default of 10,000 is too few for a project of 1,000 files: an upload then takes half a second.
_CACHED_KEYS = 100_000
# Of its default of 50, eight that upload wait for one lock, some of them for two seconds.
_THREADS = 2
_LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "root": {"level": "ERROR", "handlers": ["stream"]},
    "handlers": {"stream": {"class": "logging.StreamHandler"}},
}


@contextmanager
def devpi(program: Program, folder: Path) -> Iterator[Peer]:
    """Run it on an empty folder, with one index, no mirror, and a login for uploads.

    A password instead of a login would cost it an argon2 check at each upload.

    Raises:
        CannotStart: it did not come up.
        Unexpected: it refused what the benchmark needs.
    """
    folder.mkdir(parents=True)
    data, logging = folder / "data", folder / "logging.json"
    logging.write_text(json.dumps(_LOGGING))
    [server] = program.argv
    init = [server.replace("devpi-server", "devpi-init"), "--serverdir", str(data)]
    init += ["--no-root-pypi", "--root-passwd", _PASSWORD]
    subprocess.run(init, check=True, capture_output=True)
    port = remembered_ports(folder / "ports.json", ["web"])["web"]
    origin = f"http://{LOOPBACK}:{port}"
    part = Part(
        name=DEVPI,
        argv=(
            *(server, "--serverdir", str(data), "--host", LOOPBACK, "--port", str(port)),
            *("--logger-cfg", str(logging), "--keyfs-cache-size", str(_CACHED_KEYS)),
            *("--threads", str(_THREADS)),
        ),
        log=folder / "log",
        is_ready=answers(origin, "/+api"),
        env=program.env,
    )
    with running(part) as child:
        yield Peer(
            name=DEVPI,
            base_url=f"{origin}/{_INDEX}",
            root=child.pid,
            publisher=_login(origin),
        )


def _login(origin: str) -> Mapping[str, str]:
    with Client(origin, {"Content-Type": "application/json"}) as client:
        user = json.dumps({"user": "root", "password": _PASSWORD}).encode()
        reply = client.ask("POST", "/+login", user)
        if reply.status != 200:  # noqa: PLR2004  OK
            raise Unexpected(f"the sign-in was answered {reply.status}: {reply.body[:200]!r}")
        token = json.loads(reply.body)["result"]["password"]
        auth = {"X-Devpi-Auth": base64.b64encode(f"root:{token}".encode()).decode()}
        index = json.dumps({"type": "stage", "bases": [], "volatile": False}).encode()
        client.put(f"/{_INDEX}", index, auth)
        return auth


@contextmanager
def pypiserver(program: Program, folder: Path) -> Iterator[Peer]:
    """Run it on an empty folder, open to everybody, with its cache of what is in the folder.

    Raises:
        CannotStart: it did not come up.
    """
    packages = folder / "packages"
    packages.mkdir(parents=True)
    port = remembered_ports(folder / "ports.json", ["web"])["web"]
    origin = f"http://{LOOPBACK}:{port}"
    part = Part(
        name=PYPISERVER,
        argv=(
            *(*program.argv, "run", "-i", LOOPBACK, "-p", str(port), "-a", ".", "-P", "."),
            *("--disable-fallback", "--backend", "cached-dir", "--log-stream", "none"),
            str(packages),
        ),
        log=folder / "log",
        is_ready=answers(origin, "/simple/"),
        env=program.env,
    )
    with running(part) as child:
        yield Peer(name=PYPISERVER, base_url=origin, root=child.pid)
