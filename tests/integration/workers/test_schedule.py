from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from redis import Redis

from app import audit, jobs
from app.audit import Actor, ActorType, AuditAction, Resource
from app.extensions import bind
from app.models.audit import audit_rows
from app.standalone.process import running
from app.standalone.servers import RedisServer
from tests.integration.workers.processes import celery_part, has_heartbeat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pymongo.database import Database

    from config.settings import Settings

_PATIENCE_SECONDS = 120
ALICE = Actor(type=ActorType.USER, id="64a0", name="alice")


def wait_until(is_so: Callable[[], bool]) -> None:
    """Look again and again; a process of another program gives no sign that one could await."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        signal.sigtimedwait([], 0.05)


def record(name: str) -> None:
    audit.record(AuditAction.AUTH_LOGIN, actor=ALICE, resource=Resource(type="session", name=name))


def names_in_chain() -> list[str]:
    return [row["resource"]["name"] for row in audit_rows().find().sort("_id")]


@pytest.fixture
def own_redis(tmp_path: Path) -> RedisServer:
    """A server of this test alone, not yet started."""
    return RedisServer(tmp_path / "redis", tmp_path / "redis.log")


@pytest.fixture
def own_settings(settings: Settings, own_redis: RedisServer) -> Settings:
    return settings.model_copy(update={"redis_url": own_redis.url})


@pytest.fixture
def app(own_settings: Settings, database: Database[dict[str, Any]]) -> Iterator[Flask]:
    del database
    app = Flask("schedule_tests")
    bind(app, "settings", own_settings)
    bind(app, "redis", Redis.from_url(own_settings.redis_url))
    bind(app, "celery", jobs.create_producer(own_settings))
    with app.app_context():
        yield app


@pytest.mark.chaos
@pytest.mark.usefixtures("app")
def test_the_schedule_and_its_worker_survive_redis_and_each_other(
    own_settings: Settings, own_redis: RedisServer, tmp_path: Path
) -> None:
    worker = celery_part(own_settings, tmp_path / "worker.log", "worker")
    beat = celery_part(own_settings, tmp_path / "beat.log", "beat")
    with running(beat):
        with running(own_redis.part()) as redis_process, running(worker) as worker_process:
            record("at first")
            wait_until(lambda: names_in_chain() == ["at first"])
            wait_until(lambda: has_heartbeat(own_settings))
            os.kill(worker_process.pid, signal.SIGKILL)
            record("without a worker")
            redis_process.kill()
            record("without Redis")
        with running(worker), running(own_redis.part()):
            wait_until(lambda: len(names_in_chain()) == 3)
            record("at last")
            wait_until(lambda: len(names_in_chain()) == 4)
    assert names_in_chain() == ["at first", "without a worker", "without Redis", "at last"]
    assert audit.verify().checked == 4


@pytest.mark.usefixtures("app")
def test_a_worker_flushes_when_it_is_asked_to(
    own_settings: Settings, own_redis: RedisServer, tmp_path: Path
) -> None:
    worker = celery_part(own_settings, tmp_path / "worker.log", "worker")
    with running(own_redis.part()), running(worker):
        record("now")
        jobs.flush_audit()
        wait_until(lambda: names_in_chain() == ["now"])
