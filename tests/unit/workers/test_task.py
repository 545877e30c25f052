from __future__ import annotations

import pytest
from celery import Celery
from flask import Flask

from app import jobs
from app.extensions import bind
from config.celery import VISIBILITY_SECONDS
from workers.schedule import beat_schedule
from workers.task import backoff_seconds, task
from workers.tasks import TASKS


def test_a_task_that_may_outlive_its_delivery_is_refused() -> None:
    with pytest.raises(ValueError, match="sample"):
        task("sample", limit_seconds=VISIBILITY_SECONDS)


def test_a_task_is_called_like_the_function_that_it_is() -> None:
    called = []

    @task("sample", limit_seconds=1)
    def sample(name: str) -> None:
        called.append(name)

    sample("one")
    assert called == ["one"]


@pytest.mark.parametrize("attempt", range(12))
def test_each_retry_waits_longer_up_to_a_minute(attempt: int) -> None:
    assert min(2**attempt, 60) / 2 <= backoff_seconds(attempt) <= 60


def test_every_scheduled_task_exists_and_expires_before_the_next_is_sent() -> None:
    names = {one.name for one in TASKS}
    for entry in beat_schedule().values():
        assert entry["task"] in names
        assert entry["options"]["expires"] <= entry["schedule"]


def test_every_job_is_a_task_that_a_worker_knows() -> None:
    producer = Celery("test", broker="memory://", set_as_current=False)
    app = Flask("test")
    bind(app, "celery", producer)
    with app.app_context(), producer.connection_for_read() as connection:
        jobs.flush_audit()
        message = connection.SimpleQueue("celery").get(timeout=1)
    assert message.headers["task"] in {one.name for one in TASKS}
