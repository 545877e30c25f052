"""Which tasks there are."""

from __future__ import annotations

from typing import Any

from workers import audit, collecting, downloads, heartbeat, jobs, sweeping
from workers.task import Task

TASKS: tuple[Task[Any], ...] = (
    audit.flush,
    heartbeat.beat,
    sweeping.sweep,
    collecting.collect,
    jobs.run,
    downloads.flush,
)
