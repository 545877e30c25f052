"""Put waiting audit events into the chain."""

from __future__ import annotations

from app import audit
from app.errors import Unavailable
from workers.task import task


@task("audit.flush", limit_seconds=30, retry_on=(Unavailable,), retries=0, alone=True)
def flush() -> None:
    """Append what waits; what is too much for one run is left to the next, a second later."""
    audit.flush()
