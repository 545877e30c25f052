"""Nothing is lost, doubled or made up when a process is killed (SIGKILL) at any moment."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from redis import Redis

from app import audit
from app.audit import Actor, ActorType, AuditAction, Resource
from app.extensions import bind
from app.models import PlatformSettings, connection, in_transaction
from app.models.audit import audit_rows, pending_rows
from app.standalone.process import running
from app.standalone.servers import MongoServer, RedisServer
from migrations.runner import migrate
from tests.live import ROOT, settings_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pymongo.database import Database

    from config.settings import Settings

pytestmark = pytest.mark.chaos

ALICE = Actor(type=ActorType.USER, id="64a0", name="alice")
_PATIENCE_SECONDS = 120


class Process:
    """One of :mod:`processes`, with what it has said so far."""

    def __init__(self, settings: Settings, log: Path, *role: str) -> None:
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603  our own script
                [sys.executable, Path(__file__).with_name("processes.py"), *role],
                stdout=output,
                env={**os.environ, **settings_environment(settings), "PYTHONPATH": str(ROOT)},
                cwd=log.parent,
            )

    def said(self) -> list[str]:
        """The whole lines that it wrote."""
        return [
            line for line in self._log.read_text().splitlines(keepends=True) if line[-1] == "\n"
        ]

    def goes_on(self, more: int = 20) -> None:
        """Wait until it has done so much more."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        goal = len(self.said()) + more
        while len(self.said()) < goal:
            assert time.monotonic() < deadline, "it has come to a halt"
            assert not self.ends_within(0.02), "it has ended by itself"

    def ends_within(self, seconds: float) -> bool:
        """Wait for its end, at most so long."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End it without a warning."""
        self._process.kill()
        self._process.wait()


def names_in_chain() -> list[str]:
    return [row["resource"]["name"] for row in audit_rows().find().sort("_id")]


def flush_all() -> None:
    while audit.flush():
        pass


def check_that_it_is_whole() -> None:
    """Each event is in the chain once, without a gap, and nothing waits any more."""
    rows = list(audit_rows().find({}, {"event_id": 1}).sort("_id"))
    assert [row["_id"] for row in rows] == list(range(1, len(rows) + 1))
    assert len({row["event_id"] for row in rows}) == len(rows)
    assert pending_rows().count_documents({}) == 0
    assert audit.verify().checked == len(rows)


def give_up_open_transactions() -> None:
    """Do what MongoDB does by itself a minute after a process left one open."""
    connection.client().admin.command("killAllSessions", [])


def done(processes: list[Process]) -> list[str]:
    return [line.strip() for process in processes for line in process.said()]


def test_a_flush_that_is_killed_loses_doubles_and_skips_nothing(
    app: Flask, settings: Settings, tmp_path: Path
) -> None:
    del app

    def record(name: str) -> None:
        audit.record(
            AuditAction.AUTH_LOGIN, actor=ALICE, resource=Resource(type="session", name=name)
        )

    recorded = [str(number) for number in range(6000)]
    for name in recorded[:3000]:
        record(name)
    for start in range(3000, 6000, 500):
        in_transaction(lambda start=start: [record(name) for name in recorded[start:][:500]])  # type: ignore[misc]  # bound early

    seed = secrets.randbits(32)
    flusher = Process(settings, tmp_path / "flusher", "kill", "flush", "40", str(seed), "0.03")
    assert flusher.ends_within(_PATIENCE_SECONDS)
    assert done([flusher]).count("killed") >= 10, f"seed {seed} killed too few"
    flush_all()

    assert sorted(names_in_chain(), key=int) == recorded, f"seed {seed}"
    check_that_it_is_whole()


def test_a_writer_that_is_killed_leaves_an_event_for_each_change_and_no_other(
    app: Flask, settings: Settings, tmp_path: Path
) -> None:
    del app
    seed = secrets.randbits(32)
    writer = Process(settings, tmp_path / "writer", "kill", "change", "20", str(seed), "0.2")
    assert writer.ends_within(_PATIENCE_SECONDS)
    give_up_open_transactions()
    flush_all()

    changed = [row.name for row in PlatformSettings.objects]
    assert len(changed) > 20
    assert sorted(names_in_chain()) == sorted(changed), f"seed {seed}"
    assert set(done([writer])) - {"killed"} <= set(changed), f"seed {seed}"
    check_that_it_is_whole()


def test_what_was_recorded_survives_redis_and_its_recorders(
    app: Flask, settings: Settings, tmp_path: Path
) -> None:
    redis_server = RedisServer(tmp_path / "redis", tmp_path / "redis.log")
    own = settings.model_copy(update={"redis_url": redis_server.url})
    bind(app, "redis", Redis.from_url(own.redis_url))
    started: list[Process] = []

    def start_recorder() -> Process:
        started.append(Process(own, tmp_path / f"recorder-{len(started)}", "deny"))
        return started[-1]

    with ExitStack() as stack:
        recorders = [start_recorder() for _ in range(3)]
        stack.callback(lambda: [one.kill() for one in started])
        for _ in range(3):
            with running(redis_server.part()) as process:
                for one in recorders:
                    one.goes_on()
                process.kill()
                # They go on in the database.
                for one in recorders:
                    one.goes_on()
            recorders.pop(0).kill()
            recorders.append(start_recorder())
    with running(redis_server.part()):
        flush_all()
        names = names_in_chain()
        assert set(done(started)) <= set(names)
        assert len(names) == len(set(names))
        check_that_it_is_whole()


@contextmanager
def connected(settings: Settings) -> Iterator[Database[dict[str, Any]]]:
    client = connection.connect(settings.mongodb_url, settings.mongodb_db)
    try:
        database: Database[dict[str, Any]] = client[settings.mongodb_db]
        migrate(database)
        yield database
    finally:
        connection.disconnect()


def test_what_was_done_survives_mongodb(settings: Settings, redis: Redis, tmp_path: Path) -> None:
    mongo_server = MongoServer(tmp_path / "mongodb", tmp_path / "mongodb.log")
    own = settings.model_copy(update={"mongodb_url": mongo_server.url})
    with ExitStack() as stack:
        with running(mongo_server.part()) as process:
            with connected(own):
                pass
            writers = [Process(own, tmp_path / f"{role}", role) for role in ("change", "deny")]
            stack.callback(lambda: [one.kill() for one in writers])
            for one in writers:
                one.goes_on()
            process.kill()
        stack.enter_context(running(mongo_server.part()))
        for one in writers:
            one.goes_on()
            one.kill()
        stack.enter_context(connected(own))
        app = Flask("audit_tests")
        bind(app, "settings", own)
        bind(app, "redis", redis)
        stack.enter_context(app.app_context())
        flush_all()

        names = names_in_chain()
        changed = [row.name for row in PlatformSettings.objects]
        assert set(done(writers)) <= set(names)
        assert set(changed) <= set(names)
        settings_changes = audit_rows().count_documents({"action": "settings.update"})
        assert settings_changes == len(changed)
        assert len(names) == len(set(names))
        check_that_it_is_whole()
