"""Collect garbage while everybody goes on pushing and pulling.

In rounds, each of whose steps leaves everything right: packages that nothing was ever in; what
deleted packages hold; uploads that nobody went on with; links that no manifest needs; blobs
that nothing links; objects that no row names any more. A run may stop at any line, also by
dying: the next one goes on where it stopped. Manifests are never collected, so neither are an
index's children.

Nothing is removed because of what was looked up before: each removal looks again in a
transaction, and whoever begins to need a row writes to it in theirs, so that one of the two
starts over (``manifests``, ``blobs.link``). Who was told that a blob is there can rely on
it for half the grace period (``blobs.find``). Keys are never used twice, so removing an
object late removes nobody else's. docs/decisions/0009-oci-content.md has the argument.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from bson import ObjectId
from mongoengine import Document

from app.extensions import coherence, settings, store
from app.models import (
    Blob,
    BlobLink,
    BlobUpload,
    CollectionProgress,
    Garbage,
    Manifest,
    Package,
    UploadState,
    in_transaction,
)
from app.models.fields import now
from app.models.rows import rows_of
from app.protocols.oci.names import PROTOCOL_NAME
from app.protocols.oci.placement import UNUSED_REVISION, empty, holds_content
from app.protocols.oci.uploads import unfinished_of
from app.registry import store_owner
from app.registry.listing import Row
from app.registry.names import PackageName

log = structlog.get_logger(__name__)

_BATCH = 500


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is, or would be, removed.

    Attributes:
        kind: ``upload``, ``package``, ``link`` or ``blob``.
        name: what people know it by.
        size_bytes: what removing it frees in the store.
    """

    kind: str
    name: str
    size_bytes: int


@dataclass(kw_only=True)
class Collected:
    """What a run removed, or would remove."""

    counts: Counter[str] = field(default_factory=Counter)
    freed_bytes: int = 0
    is_complete: bool = False


def collect(
    *,
    moment: datetime | None = None,
    seconds: float | None = None,
    tell: Callable[[Finding], None] | None = None,
) -> Collected:
    """Remove everything that nobody needs and whose grace period is over.

    Args:
        moment: what to take for now, where it is not the clock's.
        seconds: when to stop, and leave the rest to the next run.
        tell: hears of each thing that is removed.

    Raises:
        StoreNotOurs: the store may be another database's; nothing was removed.
    """
    store_owner.take()
    run = _Run(_before(moment), seconds, tell)
    steps = (run.forget_packages, run.empty_packages, run.expire_uploads, run.unlink)
    run.rounds((*steps, run.release, run.remove))
    log.info("oci.collected", **run.result.counts, freed_bytes=run.result.freed_bytes)
    return run.result


def preview(
    *, moment: datetime | None = None, tell: Callable[[Finding], None] | None = None
) -> Collected:
    """Say what :func:`collect` would remove now, and remove nothing."""
    run = _Run(_before(moment), None, tell)
    for finding in _findings(run.before):
        run.found(finding)
    run.result.is_complete = True
    return run.result


def _before(moment: datetime | None) -> datetime:
    return (moment or now()) - timedelta(seconds=settings.oci_grace_seconds)


class _OutOfTime(Exception):
    """The run has to stop; what it did is done."""


class _Run:
    """One run of the collector."""

    def __init__(
        self, before: datetime, seconds: float | None, tell: Callable[[Finding], None] | None
    ) -> None:
        self.before = before
        self.result = Collected()
        self._tell = tell
        self._ends_at = None if seconds is None else time.monotonic() + seconds

    def rounds(self, steps: Sequence[Callable[[], None]]) -> None:
        with suppress(_OutOfTime):
            for step in steps:
                step()
            self.result.is_complete = True

    def found(self, finding: Finding) -> None:
        self.result.counts[finding.kind] += 1
        self.result.freed_bytes += finding.size_bytes
        if self._tell is not None:
            self._tell(finding)

    def expire_uploads(self) -> None:
        """Remove uploads that nobody touched, and what ended ones left in the store."""
        for row in rows_of(BlobUpload).find({"touched_at": {"$lt": self.before}}):
            self._check_time()
            # From here on nobody can go on with it, nor finish it.
            taken = rows_of(BlobUpload).update_one(
                {"_id": row["_id"], "touched_at": row["touched_at"], "state": row["state"]},
                {"$set": {"state": UploadState.EXPIRED}},
            )
            if not taken.matched_count:
                continue
            store.forget(unfinished_of(row))
            if row["key"]:  # Somebody began to finish it, and died.
                store.delete(row["key"])
                store.delete(row["parts_key"])
            rows_of(BlobUpload).delete_one({"_id": row["_id"]})
            self.found(_upload_finding(row))

    def empty_packages(self) -> None:
        """Remove what deleted packages hold, unless they are pushed to again right now."""
        for row in _deleted_packages(self.before):
            self._check_time()
            if empty(row["_id"]):
                self.found(Finding(kind="package", name=row["display_name"], size_bytes=0))

    def forget_packages(self) -> None:
        """Remove packages that were begun with an upload that came to nothing."""
        for row in _unused_packages(self.before):
            self._check_time()
            seen = {"_id": row["_id"], "revision": row["revision"], "deleted_at": None}

            def work(key: Row = seen) -> bool:
                return bool(rows_of(Package).delete_one(key).deleted_count)

            name = PackageName(
                protocol=PROTOCOL_NAME, normal=row["name"], display=row["display_name"]
            )
            if coherence.change({name.tag}, work):
                self.found(Finding(kind="package", name=row["display_name"], size_bytes=0))

    def unlink(self) -> None:
        """Remove links that no manifest needs."""
        for batch in self._batches(BlobLink, "links"):
            for row in _unneeded(batch):
                self._check_time()

                def work(link: Row = row) -> bool:
                    if _is_needed(link):
                        return False
                    return _delete_as_seen(BlobLink, link)

                if in_transaction(work):
                    self.found(_link_finding(row))

    def release(self) -> None:
        """Take blobs that nothing links out of the rows; their objects are garbage then."""
        for batch in self._batches(Blob, "blobs"):
            for row in _unlinked(batch):
                self._check_time()

                def work(blob: Row = row) -> bool:
                    if _is_linked(blob) or not _delete_as_seen(Blob, blob):
                        return False
                    rows_of(Garbage).insert_one(
                        {"_id": blob["key"], "size_bytes": blob["size_bytes"], "since": now()}
                    )
                    return True

                in_transaction(work)

    def remove(self) -> None:
        """Remove the objects that no row names."""
        for row in rows_of(Garbage).find():
            self._check_time()
            store.delete(row["_id"])
            rows_of(Garbage).delete_one({"_id": row["_id"]})
            self.found(_object_finding(row))

    def _batches(self, kind: type[Document], name: str) -> Iterator[list[Row]]:
        """Give the old rows of a collection from where the last run stopped; then begin anew."""
        while True:
            progress = rows_of(CollectionProgress).find_one({"_id": name}) or {}
            after = progress.get("after")
            where: Row = {"touched_at": {"$lt": self.before}}
            if after is not None:
                where["_id"] = {"$gt": after}
            batch = list(rows_of(kind).find(where).sort("_id", 1).limit(_BATCH))
            yield batch
            rows_of(CollectionProgress).update_one(
                {"_id": name}, {"$set": {"after": batch[-1]["_id"] if batch else None}}, upsert=True
            )
            if not batch:
                return

    def _check_time(self) -> None:
        if self._ends_at is not None and time.monotonic() > self._ends_at:
            raise _OutOfTime


def _findings(before: datetime) -> Iterator[Finding]:
    """Give what a complete run would remove."""
    for row in rows_of(BlobUpload).find({"touched_at": {"$lt": before}}):
        yield _upload_finding(row)
    leaving: Counter[tuple[ObjectId, str]] = Counter()
    deleted = [row["_id"] for row in _deleted_packages(before)]
    for row in rows_of(Package).find({"_id": {"$in": deleted}}, {"display_name": 1}):
        yield Finding(kind="package", name=row["display_name"], size_bytes=0)
    for row in _unused_packages(before):
        yield Finding(kind="package", name=row["display_name"], size_bytes=0)
    for row in rows_of(BlobLink).find({"package": {"$in": deleted}}):
        leaving[row["organization"], row["sha256"]] += 1
    old: Row = {"touched_at": {"$lt": before}, "package": {"$nin": deleted}}
    for row in rows_of(BlobLink).find(old):
        if not _is_needed(row):
            leaving[row["organization"], row["sha256"]] += 1
            yield _link_finding(row)
    for row in rows_of(Blob).find({"touched_at": {"$lt": before}}):
        blob = {"organization": row["organization"], "sha256": row["sha256"]}
        links = rows_of(BlobLink).count_documents(blob)
        if links == leaving[row["organization"], row["sha256"]]:
            yield _object_finding({"_id": row["key"], "size_bytes": row["size_bytes"]})
    for row in rows_of(Garbage).find():
        yield _object_finding(row)


def _deleted_packages(before: datetime) -> Iterator[Row]:
    """Give the packages that were deleted, and hold something still."""
    where = {"protocol": PROTOCOL_NAME, "deleted_at": {"$lt": before}}
    for row in rows_of(Package).find(where, {"display_name": 1}):
        if holds_content(row["_id"]):
            yield row


def _unused_packages(before: datetime) -> Iterator[Row]:
    """Give packages that nothing was ever in, as clients leave that only try whether they may."""
    where: Row = {
        "protocol": PROTOCOL_NAME,
        "deleted_at": None,
        "revision": UNUSED_REVISION,
        "updated_at": {"$lt": before},
    }
    for row in rows_of(Package).find(where):
        if not holds_content(row["_id"]) and not _is_pushed_to(row["_id"]):
            yield row


def _is_pushed_to(package_id: ObjectId) -> bool:
    return rows_of(BlobUpload).find_one({"package": package_id}, {"_id": 1}) is not None


def _unneeded(links: Sequence[Row]) -> Iterator[Row]:
    return (row for row in links if not _is_needed(row))


def _is_needed(link: Row) -> bool:
    needing = rows_of(Manifest).find_one(
        {"package": link["package"], "blobs": link["sha256"]}, {"_id": 1}
    )
    return needing is not None


def _unlinked(blobs: Sequence[Row]) -> Iterator[Row]:
    return (row for row in blobs if not _is_linked(row))


def _is_linked(blob: Row) -> bool:
    where = {"organization": blob["organization"], "sha256": blob["sha256"]}
    return rows_of(BlobLink).find_one(where, {"_id": 1}) is not None


def _delete_as_seen(kind: type[Document], row: Row) -> bool:
    """Remove a row, unless somebody has begun to need it."""
    seen = {"_id": row["_id"], "touched_at": row["touched_at"]}
    return bool(rows_of(kind).delete_one(seen).deleted_count)


def _upload_finding(row: Row) -> Finding:
    return Finding(kind="upload", name=row["_id"], size_bytes=row["size_bytes"])


def _link_finding(row: Row) -> Finding:
    return Finding(kind="link", name=f"sha256:{row['sha256']}", size_bytes=0)


def _object_finding(row: Row) -> Finding:
    return Finding(kind="blob", name=row["_id"], size_bytes=row["size_bytes"])
