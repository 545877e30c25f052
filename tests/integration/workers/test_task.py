from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from flask import Flask

from app import jobs
from app.extensions import bind
from app.standalone.process import running
from tests.integration.workers.processes import celery_part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from celery import Celery
    from redis import Redis

    from app.standalone.process import Child
    from config.settings import Settings

_PATIENCE_SECONDS = 60


class Worker:
    """A real worker of the sample tasks, and what they have noted."""

    def __init__(self, child: Child, producer: Celery, redis: Redis, prefix: str) -> None:
        self._child = child
        self._producer = producer
        self._redis = redis
        self._prefix = prefix

    def send(self, name: str, *arguments: object) -> None:
        self._producer.send_task(f"sample.{name}", arguments)

    def notes(self) -> list[str]:
        return [note.decode() for note in self._redis.lrange(f"{self._prefix}notes", 0, -1)]

    def notes_when(self, is_enough: Callable[[list[str]], bool]) -> list[str]:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not is_enough(self.notes()):
            assert time.monotonic() < deadline, self.notes()
            assert not self._child.has_ended_within(0.02), "the worker has ended"
        return self.notes()

    def let_go(self) -> None:
        self._redis.rpush(f"{self._prefix}go", "go")

    def ending(self) -> str:
        assert self._child.has_ended_within(_PATIENCE_SECONDS)
        return self._child.ending()


@pytest.fixture
def worker(settings: Settings, redis: Redis, tmp_path: Path) -> Iterator[Worker]:
    log = tmp_path / "worker.log"
    with running(celery_part(settings, log, "worker", module="sample_tasks")) as child:
        yield Worker(child, jobs.create_producer(settings), redis, settings.redis_prefix)


def test_a_task_that_exceeds_its_limit_ends_its_worker(worker: Worker) -> None:
    worker.send("hang")
    assert worker.ending() == "exit code 70"
    assert worker.notes() == ["hanging"]


def test_a_task_that_meets_an_expected_error_is_tried_again(worker: Worker) -> None:
    worker.send("unlucky", 1)
    assert worker.notes_when(lambda notes: "done" in notes) == ["tried", "tried", "done"]


def test_a_task_is_given_up_after_its_last_retry_and_the_worker_goes_on(worker: Worker) -> None:
    worker.send("unlucky", 99)
    worker.notes_when(lambda notes: len(notes) == 2)
    worker.send("mark", "next")
    assert worker.notes_when(lambda notes: "next" in notes) == ["tried", "tried", "next"]


def test_a_task_that_runs_alone_is_not_run_beside_itself(worker: Worker) -> None:
    worker.send("lonely")
    worker.notes_when(lambda notes: notes == ["began"])
    worker.send("lonely")
    for number in range(8):  # twice as many as there are threads, so the second has ended
        worker.send("mark", str(number))
    notes = worker.notes_when(lambda notes: len(notes) >= 9)
    assert notes.count("began") == 1
    worker.let_go()


def test_what_cannot_be_enqueued_is_left_to_the_schedule(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    app = Flask("producer")
    bind(app, "celery", jobs.create_producer(nowhere))
    started = time.monotonic()
    with app.app_context():
        jobs.flush_audit()
    assert time.monotonic() - started < 2
