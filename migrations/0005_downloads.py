"""Count downloads."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from migrations.collections import DOWN, UP, Index, create

_WEEK_SECONDS = 7 * 24 * 3600

INDEXES = (
    Index(
        "download_counts",
        "newest",
        [("package", UP), ("day", DOWN), ("version", UP)],
        {"unique": True},
    ),
    Index("download_batches", "expiry", [("at", UP)], {"expireAfterSeconds": _WEEK_SECONDS}),
)


def apply(database: Database[dict[str, Any]]) -> None:
    """Create what is missing."""
    create(database, INDEXES)
