"""Write down what was downloaded."""

from __future__ import annotations

from app.errors import Unavailable
from app.registry import download_counts
from workers.task import task


@task("downloads.flush", limit_seconds=60, retry_on=(Unavailable,), retries=0, alone=True)
def flush() -> None:
    """Add what web processes have counted to the rows."""
    download_counts.flush()
