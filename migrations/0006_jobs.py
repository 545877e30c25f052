"""Keep jobs and what they did for a month."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from migrations.collections import DOWN, UP, Index, create

_DAY_SECONDS = 24 * 3600

INDEXES = (
    Index("jobs", "due", [("state", UP), ("lease_until", UP)]),
    Index("jobs", "target", [("kind", UP), ("target.id", UP), ("state", UP)]),
    Index("jobs", "user", [("user", UP), ("created_at", DOWN), ("_id", DOWN)]),
    Index("jobs", "created_at", [("created_at", DOWN), ("_id", DOWN)]),
    Index("jobs", "expiry", [("finished_at", UP)], {"expireAfterSeconds": 30 * _DAY_SECONDS}),
    Index("job_items", "job", [("job", UP), ("_id", UP)]),
    Index("job_items", "expiry", [("at", UP)], {"expireAfterSeconds": 31 * _DAY_SECONDS}),
)


def apply(database: Database[dict[str, Any]]) -> None:
    """Create what is missing."""
    create(database, INDEXES)
