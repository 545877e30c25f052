"""The log that every index of gems is folded from.

An entry is a line of ``/versions``, which only ever grows: the versions that came, those that
went with a ``-`` before them, and the MD5 of the gem's ``/info`` file after that.
"""

from __future__ import annotations

from bson import ObjectId

from app.models import Version, VersionState
from app.models.rows import rows_of
from app.protocols.rubygems import compact_index
from app.registry.listings import ListedChange


def entry_of(change: ListedChange) -> str | None:
    """Say what a change adds to ``/versions``; within its transaction."""
    moved = [*change.added, *(f"-{one}" for one in change.removed)]
    if not moved:
        return None
    info = compact_index.info_document(info_lines(change.package))
    return compact_index.versions_line(change.name, moved, info)


def info_lines(package: ObjectId) -> list[str]:
    """Return the lines of ``/info`` for the versions that are to be had, oldest first."""
    rows = rows_of(Version).find(
        {"package": package, "state": VersionState.PUBLISHED, "is_yanked": {"$ne": True}},
        {"facts.info_line": 1, "published_at": 1},
    )
    return [
        row["facts"]["info_line"]
        for row in sorted(rows, key=lambda one: (one["published_at"], one["_id"]))
    ]
