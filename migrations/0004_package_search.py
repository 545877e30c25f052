"""Find packages by words, and read their lists in order, on an index each."""

from __future__ import annotations

from itertools import islice
from typing import Any

from pymongo import UpdateOne
from pymongo.database import Database

from app.registry.search_terms import terms_of
from migrations.collections import DOWN, UP, Index, Superseded, create, drop

_BATCH = 1000

INDEXES = (
    # The repository at the end: who may not read it is passed over without a look at the row.
    Index("packages", "search", [("terms", UP), ("name", UP), ("_id", UP), ("repository", UP)]),
    Index("packages", "recent", [("updated_at", UP), ("_id", UP), ("repository", UP)]),
    Index(
        "packages",
        "search_in_repository",
        [("repository", UP), ("terms", UP), ("name", UP), ("_id", UP)],
    ),
    Index(
        "packages", "recent_in_repository", [("repository", UP), ("updated_at", UP), ("_id", UP)]
    ),
    Index("repositories", "protocol", [("protocol", UP)]),
    Index("repositories", "visibility", [("visibility", UP), ("protocol", UP)]),
    Index("versions", "newest", [("package", UP), ("published_at", DOWN), ("_id", DOWN)]),
)
SUPERSEDED = (Superseded("packages", "repository"),)


def apply(database: Database[dict[str, Any]]) -> None:
    """Give the packages that are there their terms, and everything its index."""
    packages = database["packages"]
    without_terms = packages.find(
        {"terms": {"$exists": False}, "deleted_at": None},
        {"display_name": 1, "summary": 1, "keywords": 1},
    )
    while rows := list(islice(without_terms, _BATCH)):
        packages.bulk_write(
            [UpdateOne({"_id": row["_id"]}, {"$set": {"terms": _terms(row)}}) for row in rows],
            ordered=False,
        )
    create(database, INDEXES)
    drop(database, SUPERSEDED)


def _terms(row: dict[str, Any]) -> list[str]:
    return terms_of(row["display_name"], row.get("summary") or "", row.get("keywords") or ())
