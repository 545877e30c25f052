"""Do what people asked for and did not wait for."""

from __future__ import annotations

from app.errors import Unavailable
from app.registry import background, cascading
from workers.task import task

_LIMIT_SECONDS = 120


@task("jobs.run", limit_seconds=_LIMIT_SECONDS, retry_on=(Unavailable,), retries=0, alone=True)
def run() -> None:
    """Do the jobs that are due; the next run goes on with what is left."""
    background.run_due(cascading.WORK, seconds=_LIMIT_SECONDS / 4)
