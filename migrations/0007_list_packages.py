"""Keep what lists of packages are made of, in the order in which it came."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from migrations.collections import UP, Index, create

INDEXES = (
    Index(
        "listing_entries",
        "sequence",
        [("protocol", UP), ("sequence", UP)],
        {"unique": True},
    ),
    Index("listing_entries", "repository", [("repository", UP), ("sequence", UP)]),
)


def apply(database: Database[dict[str, Any]]) -> None:
    """Create what is missing."""
    create(database, INDEXES)
