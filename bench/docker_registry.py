"""Docker's registry 2.8, as Debian ships it: what most teams would use instead for images."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.standalone.ports import LOOPBACK, remembered_ports
from app.standalone.process import Part, running
from bench.peer import Peer, answers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.programs import Program

NAME = "Docker's registry"
_CONFIG = """\
version: 0.1
log:
  level: error
  accesslog:
    disabled: true
storage:
  cache:
    blobdescriptor: inmemory
  delete:
    enabled: true
  filesystem:
    rootdirectory: {folder}/storage
http:
  addr: {address}
"""


@contextmanager
def docker_registry(program: Program, folder: Path, organization: str) -> Iterator[Peer]:
    """Run it on an empty folder; nobody needs to sign in.

    Raises:
        CannotStart: it did not come up.
    """
    folder.mkdir(parents=True)
    port = remembered_ports(folder / "ports.json", ["web"])["web"]
    address = f"{LOOPBACK}:{port}"
    config = folder / "config.yaml"
    config.write_text(_CONFIG.format(folder=folder, address=address))
    part = Part(
        name="docker-registry",
        argv=(*program.argv, "serve", str(config)),
        log=folder / "log",
        is_ready=answers(f"http://{address}", "/v2/"),
        env=program.env,
    )
    with running(part) as child:
        yield Peer(name=NAME, base_url=f"http://{address}/v2/{organization}", root=child.pid)
