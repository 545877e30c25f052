"""Remove what crashes left behind and what deletions no longer need.

Everything here may run at any time, twice, in several processes, and may die at any
line: it removes only what no row that could be served names, after a grace period in
which a slow publisher may still finish.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

import structlog

from app.extensions import settings, store
from app.models import Version, VersionState
from app.models.fields import now
from app.registry import cascading, claims
from app.storage.base import ObjectStat

log = structlog.get_logger(__name__)

_BATCH = 500
_LEAST_GRACE = timedelta(minutes=2)
_LONGEST_UPLOAD_SECONDS = 48 * 3600


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What one sweep removed."""

    claims: int
    homeless_packages: int
    withdrawn_files: int
    orphan_objects: int
    staged_files: int
    abandoned_uploads: int


def sweep(moment: datetime | None = None) -> Swept:
    """Remove everything whose grace period is over.

    Args:
        moment: what to take for now, where it is not the clock's.
    """
    ahead = timedelta() if moment is None else moment - now()
    grace = timedelta(seconds=settings.sweep_grace_seconds)
    unfinished = max(grace, _LEAST_GRACE)
    before = now() + ahead - unfinished
    swept = Swept(
        claims=claims.remove_abandoned(before),
        homeless_packages=cascading.withdraw_homeless(),
        withdrawn_files=_sweep_withdrawn(now() + ahead - grace),
        orphan_objects=_sweep_orphans(before),
        staged_files=store.sweep_staging(older_than_seconds=(unfinished - ahead).total_seconds()),
        abandoned_uploads=store.sweep_multipart(older_than_seconds=_LONGEST_UPLOAD_SECONDS),
    )
    log.info("sweep.done", **vars(swept))
    return swept


def _sweep_withdrawn(before: datetime) -> int:
    """Remove the bytes of withdrawn versions; their rows keep the number taken."""
    count = 0
    rows = Version.objects(
        state=VersionState.WITHDRAWN, withdrawn_at__lt=before, files__0__exists=True
    )
    for version in rows:
        for file in version.files:
            store.delete(file.key)
            count += 1
        Version.objects(id=version.id).update_one(set__files=[])
    return count


def _sweep_orphans(before: datetime) -> int:
    """Remove objects that no row names: the leftovers of attempts that were taken over."""
    count = 0
    for batch in _batches(store.list("")):
        old = [one.key for one in batch if one.modified_at < before]
        named = claims.keys_in_use(old)
        for key in old:
            if key not in named:
                store.delete(key)
                count += 1
    return count


def _batches(objects: Iterator[ObjectStat]) -> Iterator[list[ObjectStat]]:
    while batch := list(islice(objects, _BATCH)):
        yield batch
