"""The web processes as an operator runs them: gunicorn, its settings, and the registry."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from app.models import ApiToken, connection
from tests.live import LiveServer, live_server
from tests.raw_http import PATIENCE_SECONDS, Client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pymongo.database import Database

    from config.settings import Settings
    from tests.world import World


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "web.log"


@pytest.fixture
def web(settings: Settings, database: Database[dict[str, Any]], log: Path) -> Iterator[LiveServer]:
    del database  # the processes connect to it themselves
    with live_server(settings, log, workers=2) as server:
        yield server


def requests_counted(web: LiveServer) -> float:
    with Client(web.port) as client:
        lines = client.get("/metrics", "Connection: close").text.splitlines()
    return sum(
        float(line.split()[-1]) for line in lines if line.startswith("packhouse_requests_total{")
    )


def test_the_numbers_of_all_processes_are_added_up(web: LiveServer) -> None:
    before = requests_counted(web)
    clients = [Client(web.port) for _ in range(20)]
    for client in clients:
        with client:
            assert client.get("/livez").status == 200
    assert requests_counted(web) >= before + 20


@pytest.mark.usefixtures("database")
def test_the_numbers_of_an_earlier_run_are_forgotten(settings: Settings, log: Path) -> None:
    with live_server(settings, log) as web:
        for _ in range(50):
            requests_counted(web)
    with live_server(settings, log) as web:
        assert requests_counted(web) < 50


def test_what_is_refused_is_refused_before_it_is_read(web: LiveServer) -> None:
    with Client(web.port) as client:
        client.request("PUT /npm/left-pad", "Expect: 100-continue", "Content-Length: 1000000")
        assert client.line().startswith(b"HTTP/1.1 401 ")
    with Client(web.port) as client:
        client.request("GET /livez", "Content-Length: 4", "Transfer-Encoding: chunked")
        assert client.answer().status == 400
        assert client.is_closed()


def test_a_stop_writes_what_was_noted_and_is_quick(
    world: World, settings: Settings, log: Path
) -> None:
    person = world.person("alice")
    with live_server(settings, log, workers=2) as web, Client(web.port) as client:
        assert client.get("/npm/-/whoami", f"Authorization: Bearer {person.token}").status == 200
        web.child.ask_to_stop()
        assert client.is_closed()
        assert web.child.has_ended_within(PATIENCE_SECONDS)
        assert web.child.ending() == "exit code 0"
    assert ApiToken.objects(id=person.token_id).get().last_used_ip == "127.0.0.1"
    assert "Traceback" not in log.read_text()


@pytest.mark.usefixtures("database")
def test_each_node_sweeps_its_own_staging(settings: Settings, log: Path) -> None:
    staging = settings.data_dir / "staging"
    staging.mkdir(parents=True)
    yesterday = time.time() - 24 * 3600
    for name in ("of-a-dead-process", "of-a-live-one"):
        (staging / name).write_bytes(b"bytes")
    os.utime(staging / "of-a-dead-process", (yesterday, yesterday))
    with live_server(settings, log) as web:
        web.child.ask_to_stop()
        assert web.child.has_ended_within(PATIENCE_SECONDS)
    assert [one.name for one in staging.iterdir()] == ["of-a-live-one"]


@pytest.mark.usefixtures("database")
def test_a_new_store_is_its_databases_from_the_start(settings: Settings, log: Path) -> None:
    with live_server(settings, log):
        marks = list((settings.data_dir / settings.storage_path / "_owner").iterdir())
    assert len(marks) == 1
    other = settings.model_copy(update={"mongodb_db": f"{settings.mongodb_db}_mistyped"})
    with live_server(other, log) as web, Client(web.port) as client:
        assert b'"store_owner":{"status":"failed"' in client.get("/health").body
    connection.client().drop_database(other.mongodb_db)
    assert "store.not_ours" in log.read_text()
