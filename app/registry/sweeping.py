"""Remove what crashes left behind and what deletions no longer need.

Everything here may run at any time, twice, in several processes, and may die at any
line: it removes only what no row that could be served names, after a grace period in
which a slow publisher may still finish.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

import structlog

from app.extensions import settings, store
from app.models import PlatformSettings, Version, VersionState
from app.models.fields import now
from app.models.rows import rows_of
from app.registry import cascading, claims, store_owner
from app.storage.base import ObjectStat

log = structlog.get_logger(__name__)

_BATCH = 500
_LEAST_GRACE = timedelta(minutes=2)
_LEAST_STAGED = timedelta(minutes=30)  # of a part on its way through a slow network
_LONGEST_UPLOAD_SECONDS = 48 * 3600
_LONGEST_RUN_SECONDS = 300
_LISTED_EVERY = timedelta(days=1)
_LONGEST_GAP = timedelta(days=2)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_LISTING_ID = "listing"  # of the row that says how far the store was looked through


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What one sweep removed."""

    homeless_packages: int
    staged_files: int
    claims: int = 0
    abandoned_uploads: int = 0
    withdrawn_files: int = 0
    orphan_objects: int = 0


def sweep(moment: datetime | None = None, *, seconds: float = _LONGEST_RUN_SECONDS) -> Swept:
    """Remove everything whose grace period is over.

    What is short comes first. What is long ends when the time is up, and goes on with the
    next sweep where this one stopped. Where the store is not this database's, nothing is
    removed from it.

    Args:
        moment: what to take for now, where it is not the clock's.
        seconds: how long to go on, at least by one batch of each kind.
    """
    moment = moment or now()
    deadline = time.monotonic() + seconds
    homeless_packages = cascading.withdraw_homeless()
    staged_files = sweep_staging(moment)
    try:
        store_owner.take()
    except store_owner.StoreNotOurs as error:
        log.error("sweep.refused", reason=str(error))  # noqa: TRY400  it says all
        return Swept(homeless_packages=homeless_packages, staged_files=staged_files)
    swept = Swept(
        homeless_packages=homeless_packages,
        staged_files=staged_files,
        claims=claims.remove_abandoned(moment - _unfinished()),
        abandoned_uploads=store.sweep_multipart(older_than_seconds=_LONGEST_UPLOAD_SECONDS),
        withdrawn_files=_sweep_withdrawn(moment - _unfinished(), deadline),
        orphan_objects=_sweep_orphans(moment, deadline),
    )
    log.info("sweep.done", **vars(swept))
    return swept


def sweep_staging(moment: datetime | None = None) -> int:
    """Remove what crashed processes of this node left on its disk; returns how many files."""
    ahead = timedelta() if moment is None else moment - now()
    least_age = max(_unfinished(), _LEAST_STAGED) - ahead
    return store.sweep_staging(older_than_seconds=least_age.total_seconds())


def _sweep_withdrawn(before: datetime, deadline: float) -> int:
    """Remove the bytes of withdrawn versions; their rows keep the number taken.

    A row without files is in no index that is asked here: it costs nothing from then on.
    """
    versions = rows_of(Version)
    due = {
        "state": VersionState.WITHDRAWN,
        "withdrawn_at": {"$lt": before},
        "files.0": {"$exists": True},
    }
    count = 0
    while rows := list(versions.find(due, {"files.key": 1}).limit(_BATCH)):
        keys = [file["key"] for row in rows for file in row["files"]]
        for key in keys:
            store.delete(key)
        versions.update_many(
            {"_id": {"$in": [row["_id"] for row in rows]}}, {"$set": {"files": []}}
        )
        count += len(keys)
        if time.monotonic() > deadline:
            break
    return count


def _sweep_orphans(moment: datetime, deadline: float) -> int:
    """Remove objects that no row names: the leftovers of attempts that were taken over.

    Once a day all objects are looked at, in as many runs as that takes. What is found is removed
    where it is old, and this database has looked every day for as long: one that was restored has
    lost the names of what came after its copy was made, and has a gap there.
    """
    grace = timedelta(seconds=settings.sweep_orphans_after_seconds)
    rows = rows_of(PlatformSettings)
    listing = rows.find_one({"_id": _LISTING_ID}) or {}
    noted_at = listing.get("noted_at", _LONG_AGO)
    if not listing.get("after") and noted_at > moment - _LISTED_EVERY:
        return 0
    watched_since = moment if noted_at < moment - _LONGEST_GAP else listing["watched_since"]

    def note(after: str) -> None:
        noted = {"after": after, "noted_at": moment, "watched_since": watched_since}
        rows.update_one({"_id": _LISTING_ID}, {"$set": noted}, upsert=True)

    before = moment - max(grace, _unfinished())
    count = 0
    for batch in _batches(store.list("", after=listing.get("after", ""))):
        if watched_since <= moment - grace:
            count += _remove_orphans(one.key for one in batch if one.modified_at < before)
        note(batch[-1].key)
        if time.monotonic() > deadline:
            return count
    note("")
    return count


def _remove_orphans(keys: Iterable[str]) -> int:
    found = [key for key in keys if not key.startswith(store_owner.MARKS)]
    orphans = set(found) - claims.keys_in_use(found)
    for key in orphans:
        store.delete(key)
    return len(orphans)


def _unfinished() -> timedelta:
    """Return how long something may be on its way."""
    return max(timedelta(seconds=settings.sweep_grace_seconds), _LEAST_GRACE)


def _batches(objects: Iterator[ObjectStat]) -> Iterator[list[ObjectStat]]:
    while batch := list(islice(objects, _BATCH)):
        yield batch
