"""Packhouse as ``make run`` starts it, MongoDB and Redis included."""

from __future__ import annotations

import json
import secrets
import sys
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.standalone.ports import LOOPBACK, remembered_ports
from app.standalone.process import Part, running
from bench.client import Client, Unexpected
from bench.peer import Peer, answers
from bench.processes import peak_bytes, tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAME = "Packhouse"
ORGANIZATION = "bench"


@dataclass(frozen=True, kw_only=True)
class Packhouse:
    """A running Packhouse.

    Attributes:
        peer: its web processes, with a token that reads and publishes; speaks npm.
        origin: scheme, host and port.
    """

    peer: Peer
    origin: str
    _run: Path
    _root: int

    @property
    def images(self) -> Peer:
        """Return the same, speaking the protocol of images."""
        return replace(self.peer, base_url=f"{self.origin}/v2/{ORGANIZATION}")

    @property
    def python(self) -> Peer:
        """Return the same, speaking to Python's clients."""
        token = self.peer.headers["Authorization"].removeprefix("Bearer ")
        basic = b64encode(f"__token__:{token}".encode()).decode()
        return replace(
            self.peer,
            base_url=f"{self.origin}/o/{ORGANIZATION}/pypi",
            headers={"Authorization": f"Basic {basic}"},
        )

    def person(self, username: str) -> dict[str, str]:
        """Make an account like any other; returns the headers of its owner's requests."""
        password = secrets.token_urlsafe(16)
        new = {"username": username, "email": f"{username}@bench.test", "password": password}
        with Client(f"{self.origin}/api/v1", {"Content-Type": "application/json"}) as client:
            _post(client, "/users", new, self.peer.headers)
            sign_in = {"username": username, "password": password}
            session = _post(client, "/auth/login", sign_in, {})["access_token"]
            as_them = {"Authorization": f"Bearer {session}"}
            token = _post(client, "/tokens", {"name": "benchmark"}, as_them)["token"]
        return {"Authorization": f"Bearer {token}"}

    def workers(self) -> list[int]:
        """Return the web workers' process ids."""
        return [pid for pid in self.peer.processes() if pid != self.peer.root]

    def parts(self) -> dict[str, list[int]]:
        """Return the processes of each part, by its name; ``up`` watches over the others."""
        parts = {file.stem: tree(_recorded_pid(file)) for file in sorted(self._run.glob("*.json"))}
        return {**parts, "up": [self._root]}

    def peaks(self) -> dict[str, int]:
        """Return the most memory that each part has had."""
        return {name: peak_bytes(processes) for name, processes in self.parts().items()}


@contextmanager
def packhouse(
    folder: Path, *, workers: int = 2, env: Mapping[str, str] | None = None
) -> Iterator[Packhouse]:
    """Run one on an empty data folder for as long as the block.

    Args:
        folder: for its data.
        workers: web processes.
        env: settings of its own.

    Raises:
        CannotStart: it did not come up.
        Unexpected: its API refused what the benchmark needs.
    """
    port = remembered_ports(folder / "packhouse.json", ["web"])["web"]
    origin = f"http://{LOOPBACK}:{port}"
    data, password = folder / "data", secrets.token_urlsafe(16)
    part = Part(
        name="packhouse",
        argv=(sys.executable, "-m", "app.cli", "up"),
        log=folder / "packhouse.log",
        is_ready=answers(origin, "/readyz"),
        env={
            "HOST": LOOPBACK,
            "PORT": str(port),
            "DATA_DIR": str(data),
            "WEB_WORKERS": str(workers),
            "ADMIN_PASSWORD": password,
            "LOG_LEVEL": "WARNING",  # as the others
            "RATE_LIMIT_MANAGEMENT": "0",
            "MONGODB_URL": "",
            "REDIS_URL": "",
            "S3_ENDPOINT": "",
            "S3_HOST": "",
            **(env or {}),
        },
        stop_within_seconds=60,
    )
    with running(part) as child:
        run = data / "run"
        token = _token(origin, password)
        peer = Peer(
            name=NAME,
            base_url=f"{origin}/o/{ORGANIZATION}/npm",
            root=_recorded_pid(run / "web.json"),
            headers={"Authorization": f"Bearer {token}"},
            credentials=f"benchmark:{token}",
        )
        yield Packhouse(peer=peer, origin=origin, _run=run, _root=child.pid)


def _recorded_pid(file: Path) -> int:
    pid: int = json.loads(file.read_text())["pid"]
    return pid


def _token(origin: str, password: str) -> str:
    """Make an organization, and a token for its owner."""
    with Client(f"{origin}/api/v1", {"Content-Type": "application/json"}) as client:
        sign_in = {"username": "admin", "password": password}
        session = _post(client, "/auth/login", sign_in, {})["access_token"]
        as_admin = {"Authorization": f"Bearer {session}"}
        _post(client, "/organizations", {"slug": ORGANIZATION}, as_admin)
        token: str = _post(client, "/tokens", {"name": "benchmark"}, as_admin)["token"]
        return token


def _post(
    client: Client, path: str, body: Mapping[str, str], headers: Mapping[str, str]
) -> dict[str, Any]:
    reply = client.ask("POST", path, json.dumps(body).encode(), headers)
    if reply.status not in {200, 201}:
        raise Unexpected(f"POST {path} was answered {reply.status}: {reply.body[:200]!r}")
    answer: dict[str, Any] = json.loads(reply.body)
    return answer
