from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from app.standalone.ports import LOOPBACK, remembered_ports
from tests.integration.standalone.commands import all_end_within, descendants, running

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tests.integration.standalone.commands import Command

SETTINGS = ("MONGODB_", "REDIS_", "S3_", "STORAGE_", "JWT_", "AUTH_", "ADMIN_", "PUBLIC_")


class Packhouse:
    """``packhouse up`` on one data folder; it may be started again and again."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "var"
        self.port = remembered_ports(folder / "port.json", ["web"])["web"]

    def up(self, *options: str) -> AbstractContextManager[Command]:
        return self.runs("up", *options)

    def runs(self, *arguments: str) -> AbstractContextManager[Command]:
        """Run one of its commands in this folder, with no server in the environment."""
        inherited = {
            name: text for name, text in os.environ.items() if not name.startswith(SETTINGS)
        }
        own = {"DATA_DIR": str(self.data), "HOST": LOOPBACK, "PORT": str(self.port)}
        return running([sys.executable, "-m", "app.cli", *arguments], inherited | own)

    def asks(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=30)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request(method, path, json.dumps(body) if body else None, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def checks(self) -> dict[str, str]:
        """What /health says of each part."""
        _, health = self.asks("GET", "/health")
        return {name: check["status"] for name, check in health["checks"].items()}

    def becomes_well(self) -> bool:
        """Whether every part is well before long; asking takes the time that they need."""
        deadline = time.monotonic() + 30
        while self.checks() != ALL_OK:
            if time.monotonic() > deadline:
                return False
        return True

    def kill_part(self, name: str) -> None:
        recorded = json.loads((self.data / "run" / f"{name}.json").read_text())
        os.kill(recorded["pid"], signal.SIGKILL)

    def may_sign_in(self, password: str) -> bool:
        credentials = {"username": "admin", "password": password}
        status, _ = self.asks("POST", "/api/v1/auth/login", credentials)
        return status == http.client.OK


@pytest.fixture
def packhouse(tmp_path: Path) -> Packhouse:
    return Packhouse(tmp_path)


def password_in(said: str) -> str:
    words = said.split()
    return words[words.index("password") + 1]


ALL_OK = dict.fromkeys(("mongodb", "storage", "store_owner", "redis", "worker"), "ok")


@pytest.mark.chaos
def test_everything_starts_heals_stops_and_finds_its_data_again(packhouse: Packhouse) -> None:
    with packhouse.up() as run:
        password = password_in(run.says("Ctrl-C stops it."))
        assert packhouse.checks() == ALL_OK
        assert packhouse.may_sign_in(password)
        with packhouse.up() as second:
            code, said = second.ends()
            assert code == 1
            assert f"already runs on {packhouse.data} as process {run.pid}" in said
        started = descendants(run.pid)
        assert len(started) >= 7  # five parts, and the web server's own two
        code, said = run.stop(signal.SIGINT)
        assert code == 0
        assert [line.split()[0] for line in said.splitlines()[1:]] == [
            *("web", "beat", "worker", "redis", "mongodb"),
        ]
        assert all_end_within(started, 0)
    secrets = (packhouse.data / "secrets.json").read_bytes()

    with packhouse.up() as run:
        assert "password" not in run.says("Ctrl-C stops it.")
        assert packhouse.checks() == ALL_OK
        assert packhouse.may_sign_in(password)
        assert (packhouse.data / "secrets.json").read_bytes() == secrets
        for part in ("mongodb", "redis", "worker", "web"):
            packhouse.kill_part(part)
            run.says(f"{part:<8} ready")
            assert packhouse.becomes_well()
        started = descendants(run.pid)
        run.kill()
        assert all_end_within(started, 10)

    with packhouse.up() as run:
        run.says("Ctrl-C stops it.")
        assert packhouse.may_sign_in(password)


def test_with_an_s3_server_of_its_own_every_check_is_ok(packhouse: Packhouse) -> None:
    with packhouse.up("--s3") as run:
        run.says("Ctrl-C stops it.")
        assert packhouse.checks() == ALL_OK
        the_other_commands_find_its_servers(packhouse)
        started = descendants(run.pid)
        code, said = run.stop(signal.SIGTERM)
    assert code == 0
    assert "s3       stopped" in said
    assert all_end_within(started, 0)


def the_other_commands_find_its_servers(packhouse: Packhouse) -> None:
    with packhouse.runs("user", "list", "--json") as listing:
        code, said = listing.ends()
    assert code == 0, said
    assert '"username":"admin"' in said
    with packhouse.runs("doctor", "--json") as doctor:
        code, said = doctor.ends()
    assert code == 0, said
    ailing = {one["check"] for one in json.loads(said) if one["health"] != "ok"}
    assert ailing == {"public url"}  # which nobody has set


def test_a_port_in_use_is_said_before_anything_starts(packhouse: Packhouse) -> None:
    with socket.create_server((LOOPBACK, packhouse.port)), packhouse.up() as run:
        code, said = run.ends()
    assert code == 1
    assert said.startswith(f"Error: Port {packhouse.port} is in use by another program.")
    assert not (packhouse.data / "mongodb").exists()
