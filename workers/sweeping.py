"""Remove what crashes left behind."""

from __future__ import annotations

from app.errors import Unavailable
from app.registry import sweeping
from workers.task import task


@task("sweeping.sweep", limit_seconds=600, retry_on=(Unavailable,), retries=0, alone=True)
def sweep() -> None:
    """Remove every leftover whose grace period is over."""
    sweeping.sweep()
