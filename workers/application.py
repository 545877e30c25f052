"""Build the Celery application of a worker, and of the process that sends the schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from celery import Celery, signals

from config.celery import celery_options
from config.logging import configure_logging
from workers.schedule import beat_schedule

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from config.settings import Settings


def create_celery(settings: Settings, make_app: Callable[[Settings], Flask]) -> Celery:
    """Return the Celery application.

    ``make_app`` builds what tasks run in. It is called, and the tasks are imported, when a
    worker starts: the process that only sends the schedule needs neither.
    """
    celery = Celery("packhouse")
    celery.config_from_object({**celery_options(settings), "beat_schedule": beat_schedule()})

    def start(**_signal: object) -> None:
        from workers.tasks import TASKS  # noqa: PLC0415

        app = make_app(settings)
        for task in TASKS:
            task.register(celery, app)

    def set_up_logging(**_signal: object) -> None:
        configure_logging(settings)

    signals.worker_init.connect(start, weak=False)
    signals.setup_logging.connect(set_up_logging, weak=False)
    return celery
