"""Blobs of a package: read, mounted from another one, removed.

Who was told that a blob is there may rely on it for half the grace period: a client that
does not upload a layer, because the registry has it, still finds it there for its manifest.
So what memory knows of a link ends before that, and reading the link again notes that
somebody was told. A hot read writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bson import ObjectId

from app import audit
from app.auth.principal import Principal
from app.extensions import coherence, settings
from app.models import Blob, BlobLink, Manifest, Package, in_transaction
from app.models.fields import now
from app.models.rows import rows_of
from app.protocols.oci import placement
from app.protocols.oci.names import Digest, ImageName
from app.protocols.oci.refusals import BlobUnknown, StillReferenced
from app.registry.changes import record
from app.registry.reading import record_read
from app.registry.resolution import PackageRef

_MOST_CANDIDATES = 100

Row = dict[str, Any]  # a document as MongoDB holds it


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundBlob:
    """A blob that a package has.

    Attributes:
        key: in the object store.
    """

    sha256: str
    size_bytes: int
    key: str


def find(principal: Principal, package: PackageRef, digest: Digest) -> FoundBlob:
    """Return a blob of a package that the caller may pull, and note that they were told.

    Raises:
        BlobUnknown: the package has no such blob.
        Unavailable: as for ``reading.record_read``.
    """

    def load() -> FoundBlob:
        coherence.depends_on(package.name.tag)
        row = _read_link(package.id, digest)
        if row is None:
            # Raised, not returned: that there is none is never kept, so that a new link
            # needs no fence.
            raise BlobUnknown(digest)
        return FoundBlob(sha256=row["sha256"], size_bytes=row["size_bytes"], key=row["key"])

    found = coherence.cached(("oci blob", package.id, str(digest)), load)
    record_read(principal, package, blob=str(digest))
    return found


def is_linked(package: PackageRef, digest: Digest) -> bool:
    """Whether a package has a blob now."""
    return _read_link(package.id, digest) is not None


def mount(
    principal: Principal, name: ImageName, package: PackageRef, digest: Digest, source: str | None
) -> bool:
    """Give a package a blob that another one of its organization has, without its bytes.

    The source is judged by the caller's own rights, not by their bearer's scope, which names
    the target only. What they may not pull is as if it were not there.

    Args:
        principal: may push to ``package``.
        name: of the package.
        package: the target.
        digest: of the blob.
        source: the name of the package that has it; none to look in all of them.

    Returns:
        Whether the package has the blob now.
    """
    if is_linked(package, digest):
        return True
    found = next(iter(_sources(principal, name, package, digest, source)), None)
    if found is None:
        return False

    def work() -> bool:
        if not link(package, found["sha256"]):
            return False
        record(
            principal,
            package,
            audit.AuditAction.BLOB_MOUNT,
            digest=f"sha256:{found['sha256']}",
            source=str(found["package"]),
        )
        return True

    return in_transaction(work)


def delete(principal: Principal, package: PackageRef, digest: Digest) -> None:
    """Take a blob away from a package.

    Raises:
        BlobUnknown: it has none.
        StillReferenced: a manifest of it needs the blob.
    """

    def work() -> None:
        row = rows_of(BlobLink).find_one(_link_key(package.id, digest))
        if row is None:
            raise BlobUnknown(digest)
        needing = rows_of(Manifest).find_one(
            {"package": package.id, "blobs": row["sha256"]}, {"digest": 1}
        )
        if needing is not None:
            raise StillReferenced(needing["digest"])
        # A manifest that is pushed at this moment writes to the links that it needs, so
        # that one of the two starts over and sees the other.
        rows_of(BlobLink).delete_one({"_id": row["_id"]})
        record(principal, package, audit.AuditAction.BLOB_DELETE, digest=str(digest))

    coherence.change({package.name.tag}, lambda: in_transaction(work))


def is_stored(organization_id: ObjectId, sha256: str) -> bool:
    """Whether an organization has a blob now; :func:`link` decides."""
    where = {"organization": organization_id, "sha256": sha256}
    return rows_of(Blob).find_one(where, {"_id": 1}) is not None


def link(package: PackageRef, sha256: str, *, sha512: str = "") -> bool:
    """Link a stored blob, within a transaction; false where there is none any more.

    Both rows are written, so that collecting either conflicts with this.

    Args:
        package: that has the blob from then on.
        sha256: of the blob.
        sha512: where it is known, and is to be an address of the blob too.
    """
    seen: Row = {"touched_at": now()}
    if sha512:
        seen["sha512"] = sha512
    blob = rows_of(Blob).find_one_and_update(
        {"organization": package.repository.organization_id, "sha256": sha256},
        {"$set": seen},
        return_document=True,
    )
    if blob is None:
        return False
    _save_link(package, blob)
    return True


def insert(package: PackageRef, blob: Row) -> None:
    """Store a new blob's row, and link it, within a transaction.

    Args:
        package: that has the blob from then on.
        blob: ``organization``, ``sha256``, ``size_bytes``, ``key``, and ``sha512`` if known.

    Raises:
        DuplicateKeyError: the organization has it already.
    """
    row = {**blob, "touched_at": now()}
    rows_of(Blob).insert_one(row)
    _save_link(package, row)


def _save_link(package: PackageRef, blob: Row) -> None:
    facts: Row = {name: blob[name] for name in ("size_bytes", "key", "touched_at")}
    if blob.get("sha512"):
        facts["sha512"] = blob["sha512"]
    first = {"organization": blob["organization"], "linked_at": blob["touched_at"]}
    rows_of(BlobLink).update_one(
        {"package": package.id, "sha256": blob["sha256"]},
        {"$set": facts, "$setOnInsert": first},
        upsert=True,
    )


def _sources(
    principal: Principal,
    name: ImageName,
    package: PackageRef,
    digest: Digest,
    source: str | None,
) -> Iterator[Row]:
    """Give links to a blob in packages that the caller may pull."""
    organization = package.repository.organization_id
    where: Row = {"organization": organization, digest.algorithm: digest.hex}
    if source is not None:
        named = _named_source(name, source)
        if named is None:
            return
        where["package"] = named
    links = rows_of(BlobLink).find(where).limit(_MOST_CANDIDATES)
    yield from _readable(principal, name, links)


def _named_source(name: ImageName, source: str) -> ObjectId | None:
    """Return the package that a client names; blobs are never shared by organizations."""
    organization, _, package = source.partition("/")
    if organization != name.organization or not package:
        return None
    found = placement.locate(ImageName(organization, package)).package
    return None if found is None else found.id


def _readable(principal: Principal, name: ImageName, links: Iterable[Row]) -> Iterator[Row]:
    for one in links:
        row = rows_of(Package).find_one({"_id": one["package"]}, {"name": 1})
        if row is None:
            continue
        found = ImageName(name.organization, row["name"])
        package = placement.locate(found).package
        if package is not None and placement.may_pull(principal, found, package):
            yield one


def _read_link(package_id: ObjectId, digest: Digest) -> Row | None:
    """Read a link, and see to it that who is told of it can rely on it."""
    grace = timedelta(seconds=settings.oci_grace_seconds)
    moment = now()
    row = rows_of(BlobLink).find_one(_link_key(package_id, digest))
    if row is None:
        return None
    if row["touched_at"] < moment - grace / 4:
        # Nothing to tell where the collector was faster.
        row = rows_of(BlobLink).find_one_and_update(
            {"_id": row["_id"]}, {"$set": {"touched_at": moment}}, return_document=True
        )
        if row is None:
            return None
    coherence.expires_at(row["touched_at"] + grace / 2)
    return row


def _link_key(package_id: ObjectId, digest: Digest) -> Row:
    return {"package": package_id, digest.algorithm: digest.hex}
