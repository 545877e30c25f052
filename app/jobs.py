"""The only place that enqueues work for the Celery workers.

Tasks are known by name here: what enqueues does not import what works. Enqueueing never
fails a request: nothing is enqueued that the schedule would not find by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from app.extensions import celery
from config.celery import celery_options

if TYPE_CHECKING:
    from config.settings import Settings

log = structlog.get_logger(__name__)


def create_producer(settings: Settings) -> Celery:
    """Return what this process enqueues with; it connects when it is first used."""
    producer = Celery("packhouse", set_as_current=False)
    producer.config_from_object(celery_options(settings))
    return producer


def flush_audit() -> None:
    """Have waiting audit events put into the chain now rather than within a second."""
    _enqueue("audit.flush")


def run_jobs() -> None:
    """Have what people asked for done now rather than within a few seconds."""
    _enqueue("jobs.run")


def _enqueue(name: str, *arguments: str) -> None:
    try:
        celery.send_task(name, arguments, retry=False)
    except OperationalError as error:
        log.warning("job.not_enqueued", task=name, error=str(error))
