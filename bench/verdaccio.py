"""verdaccio: what most teams would use instead for npm."""

from __future__ import annotations

import json
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.standalone.ports import LOOPBACK, remembered_ports
from app.standalone.process import Part, running
from bench.client import Client, Unexpected
from bench.peer import Peer, answers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.programs import Program

NAME = "verdaccio"
# By default its tokens hold the password, which it hashes anew in each request, for about 60 ms.
_CONFIG = """\
storage: {folder}/storage
auth:
  htpasswd:
    file: {folder}/htpasswd
uplinks: {{}}
packages:
  '**':
    access: $all
    publish: $authenticated
max_body_size: 1gb
server:
  keepAliveTimeout: 60
web:
  enable: false
security:
  api:
    legacy: false
    jwt:
      sign:
        expiresIn: 7d
log:
  type: stdout
  format: json
  level: warn
"""


@contextmanager
def verdaccio(program: Program, folder: Path) -> Iterator[Peer]:
    """Run it on an empty folder: no upstream, no pages; who publishes has a token.

    Raises:
        CannotStart: it did not come up.
        Unexpected: it refused a sign-in.
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
        publisher = {"Authorization": f"Bearer {_token(base_url)}"}
        yield Peer(name=NAME, base_url=base_url, root=child.pid, publisher=publisher)


def _token(base_url: str) -> str:
    """Make a user, and a token for them."""
    user = {"name": "bench", "password": secrets.token_urlsafe(16), "type": "user"}
    with Client(base_url, {"Content-Type": "application/json"}) as client:
        reply = client.ask("PUT", "/-/user/org.couchdb.user:bench", json.dumps(user).encode())
    if reply.status != 201:  # noqa: PLR2004  Created
        raise Unexpected(f"the sign-in was answered {reply.status}: {reply.body[:200]!r}")
    token: str = json.loads(reply.body)["token"]
    return token
