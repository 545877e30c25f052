"""Build the Celery application of a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from celery import Celery, signals

from config.celery import celery_options
from config.logging import configure_logging
from workers import heartbeat
from workers.schedule import TASKS, beat_schedule

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from config.settings import Settings


def create_celery(settings: Settings, make_app: Callable[[Settings], Flask]) -> Celery:
    """Return the Celery application, for a worker and for the schedule alike.

    ``make_app`` builds what tasks run in. It is called once, when a worker starts: the
    process that only sends the schedule needs no database.
    """
    celery = Celery("packhouse")
    celery.config_from_object({**celery_options(settings), "beat_schedule": beat_schedule()})
    apps: list[Flask] = []
    for task in TASKS:
        task.register(celery, lambda: apps[0])

    def start(**_signal: object) -> None:
        apps.append(make_app(settings))

    def set_up_logging(**_signal: object) -> None:
        configure_logging(settings)

    def show_life(**_signal: object) -> None:
        celery.send_task(heartbeat.beat.name)  # its first turn in the schedule is 10 s away

    signals.worker_init.connect(start, weak=False)
    signals.beat_init.connect(show_life, weak=False)
    signals.setup_logging.connect(set_up_logging, weak=False)
    return celery
