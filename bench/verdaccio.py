"""verdaccio: what most teams would use instead for npm."""

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

NAME = "verdaccio"
_CONFIG = """\
storage: {folder}/storage
auth:
  htpasswd:
    file: {folder}/htpasswd
uplinks: {{}}
packages:
  '**':
    access: $all
    publish: $anonymous $authenticated $all
max_body_size: 1gb
server:
  keepAliveTimeout: 60
web:
  enable: false
log:
  type: stdout
  format: json
  level: warn
"""


@contextmanager
def verdaccio(program: Program, folder: Path) -> Iterator[Peer]:
    """Run it on an empty folder: no upstream, no pages, and nobody needs to sign in.

    Raises:
        CannotStart: it did not come up.
    """
    folder.mkdir(parents=True)
    config = folder / "config.yaml"
    config.write_text(_CONFIG.format(folder=folder))
    port = remembered_ports(folder / "ports.json", ["web"])["web"]
    base_url = f"http://{LOOPBACK}:{port}"
    part = Part(
        name=NAME,
        argv=(*program.argv, "--config", str(config), "--listen", f"{LOOPBACK}:{port}"),
        log=folder / "log",
        is_ready=answers(base_url, "/-/ping"),
        env=program.env,
    )
    with running(part) as child:
        yield Peer(name=NAME, base_url=base_url, root=child.pid)
