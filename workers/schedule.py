"""Which tasks there are, and which of them run by themselves, how often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workers import audit, heartbeat, sweeping

if TYPE_CHECKING:
    from workers.task import Task

TASKS: tuple[Task[Any], ...] = (audit.flush, heartbeat.beat, sweeping.sweep)

_EVERY_SECONDS: dict[Task[Any], float] = {
    audit.flush: 1.0,
    heartbeat.beat: 2.0,
    sweeping.sweep: 900.0,
}


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Return Celery's schedule. A run that no worker took before the next is due is dropped."""
    return {
        task.name: {"task": task.name, "schedule": seconds, "options": {"expires": seconds}}
        for task, seconds in _EVERY_SECONDS.items()
    }
