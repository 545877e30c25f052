"""Packhouse as ``make run`` starts it, with an organization, for programs that examine it."""

from __future__ import annotations

import http.client
import json
import secrets
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.standalone.ports import LOOPBACK, remembered_ports
from app.standalone.process import Part, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

ORGANIZATION = "acme"


@dataclass(frozen=True)
class Registry:
    """A running Packhouse, its administrator, and a token that may all that they may."""

    host: str
    username: str
    password: str
    token: str


@contextmanager
def packhouse(folder: Path, store: str = "filesystem", **settings: str) -> Iterator[Registry]:
    """Run one on an empty folder for as long as the block; ``settings`` are its environment."""
    port = remembered_ports(folder / "ports.json", ["web"])["web"]
    host = f"{LOOPBACK}:{port}"
    password = secrets.token_urlsafe(16)
    part = Part(
        name="packhouse",
        argv=(sys.executable, "-m", "app.cli", "up", *(["--s3"] if store == "s3" else [])),
        log=folder / "packhouse.log",
        is_ready=lambda: _is_ready(host),
        env={
            "HOST": LOOPBACK,
            "PORT": str(port),
            "DATA_DIR": str(folder / "data"),
            "ADMIN_PASSWORD": password,
            "LOG_LEVEL": "WARNING",
            "MONGODB_URL": "",
            "REDIS_URL": "",
            "S3_ENDPOINT": "",
            "S3_HOST": "",
            **settings,
        },
        stop_within_seconds=60,
    )
    with running(part):
        yield Registry(host, "admin", password, _settle(host, password))


def _is_ready(host: str) -> bool:
    try:
        return ask(host, "GET", "/readyz")[0] == http.client.OK
    except OSError:
        return False


def _settle(host: str, password: str) -> str:
    """Make an organization; returns a token of its owner."""
    sign_in = {"username": "admin", "password": password}
    session = post(host, "auth/login", sign_in)["access_token"]
    post(host, "organizations", {"slug": ORGANIZATION}, session)
    token: str = post(host, "tokens", {"name": "test"}, session)["token"]
    return token


def post(host: str, path: str, content: Mapping[str, Any], token: str = "") -> dict[str, Any]:
    """Send JSON to the management API; ends the program where it is refused."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    status, body = ask(host, "POST", f"/api/v1/{path}", json.dumps(content), headers)
    if status not in {http.client.OK, http.client.CREATED}:
        sys.exit(f"POST {path} was answered {status}: {body.decode()}")
    answer: dict[str, Any] = json.loads(body)
    return answer


def ask(
    host: str,
    method: str,
    path: str,
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """Send one request; returns the status and the body of its answer."""
    connection = http.client.HTTPConnection(host, timeout=60)
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
