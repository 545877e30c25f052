"""Manifests of a package: read, pushed, deleted; and the tags that name them.

A push and everything that could take away what it needs exclude each other: in its
transaction the push writes to each link and manifest that it names, a deletion removes
them, and MongoDB lets one of the two start over. So no manifest is ever without its blobs.

Spec: OCI distribution 1.1, "Pulling manifests", "Pushing Manifests", "Deleting Manifests".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

import orjson

from app import audit
from app.auth.principal import Principal
from app.errors import StaleRevision
from app.extensions import coherence
from app.models import BlobLink, Manifest, ManifestTag, Package, in_transaction
from app.models.fields import now
from app.models.rows import rows_of
from app.protocols.oci.manifest_parsing import EMPTY_JSON, Needed, ParsedManifest
from app.protocols.oci.names import Digest, Reference
from app.protocols.oci.refusals import (
    ContentMismatch,
    ContentUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameUnknown,
    TagImmutable,
)
from app.registry.changes import record
from app.registry.reading import record_read
from app.registry.resolution import PackageRef
from app.registry.search_terms import terms_of

MOST_TAGS = 100
"""Tags that one push may set beside a digest."""

# Where clients keep what belongs to a digest, and overwrite it with each addition: the
# referrers tag schema, and cosign's signatures, attestations and SBOMs.
_DIGEST_TAG = re.compile(r"sha(?:256|512)-[0-9a-f]{64}(?:\..+)?")

Row = dict[str, Any]  # a document as MongoDB holds it


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundManifest:
    """A manifest as it was pushed.

    Attributes:
        digest: of the algorithm by which it was asked for, or pushed with its tag.
    """

    content: bytes
    media_type: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class NewManifest:
    """A manifest as it arrived.

    Attributes:
        content: kept byte by byte.
        parsed: what the content says.
        digest: by which the client names it; none where it does not.
        tags: what is to name it from now on.
    """

    content: bytes
    parsed: ParsedManifest
    digest: Digest | None
    tags: frozenset[str]


def find(principal: Principal, package: PackageRef, reference: Reference) -> FoundManifest:
    """Return a manifest of a package that the caller may pull.

    Raises:
        ManifestUnknown: the package has none such.
        Unavailable: as for ``reading.record_read``.
    """

    def load() -> FoundManifest:
        coherence.depends_on(package.name.tag)
        if isinstance(reference, Digest):
            where: Row = {"package": package.id, reference.algorithm: reference.hex}
            digest = str(reference)
        else:
            tag = rows_of(ManifestTag).find_one({"package": package.id, "name": reference})
            if tag is None:
                raise ManifestUnknown(reference)
            where = {"package": package.id, "sha256": tag["sha256"]}
            digest = tag["digest"]
        row = rows_of(Manifest).find_one(where, {"content": 1, "media_type": 1})
        if row is None:
            raise ManifestUnknown(reference)
        return FoundManifest(
            content=bytes(row["content"]), media_type=row["media_type"], digest=digest
        )

    key = ("oci manifest", package.id, str(reference))
    found = coherence.cached(key, load, size_bytes=lambda one: len(one.content) + 1024)
    record_read(principal, package, manifest=str(reference), digest=found.digest)
    return found


def push(principal: Principal, package: PackageRef, new: NewManifest) -> Digest:
    """Make a manifest visible, with its tags, or leave everything as it was.

    Args:
        principal: may push to ``package``.
        package: where it goes.
        new: what arrived.

    Returns:
        The digest by which it is known.

    Raises:
        ContentMismatch: the content has another digest than the client says.
        ContentUnknown: it names blobs or manifests that the package does not have.
        ManifestInvalid: it names a blob with another size.
        TagImmutable: a tag names another manifest, and the repository lets it not be moved.
    """
    address = _address(new)
    if new.digest is not None and new.digest != address:
        raise ContentMismatch(new.digest, address)
    one = _Push(
        principal=principal,
        package=package,
        new=new,
        address=address,
        sha256=hashlib.sha256(new.content).hexdigest(),
        moment=now(),
    )
    coherence.change({package.name.tag}, lambda: in_transaction(lambda: _write(one)))
    return address


def require_nothing_needed(parsed: ParsedManifest, *, allow_sparse_index: bool) -> None:
    """Refuse what cannot be pushed to a package that is not there, before it is made.

    Raises:
        ContentUnknown: the manifest needs something.
    """
    children = () if allow_sparse_index else parsed.children
    missing = [one.digest for one in (*parsed.blobs, *children) if _is_missed(one)]
    if missing:
        raise ContentUnknown(list(dict.fromkeys(missing)))


def delete_tag(
    principal: Principal, package: PackageRef, tag: str, *, expected_revision: int | None = None
) -> None:
    """Remove a tag; its manifest stays, under its digest.

    Raises:
        ManifestUnknown: there is no such tag.
        TagImmutable: the repository does not let it go.
        StaleRevision: the package has another revision than the caller looked at.
    """

    def work() -> None:
        found = rows_of(ManifestTag).find_one({"package": package.id, "name": tag})
        if found is None:
            raise ManifestUnknown(tag)
        _require_mutable(package, tag)
        rows_of(ManifestTag).delete_one({"_id": found["_id"]})
        _revise(package, expected_revision)
        record(principal, package, audit.AuditAction.TAG_REMOVE, tag=tag, version=found["digest"])

    coherence.change({package.name.tag}, lambda: in_transaction(work))


def delete_manifest(
    principal: Principal,
    package: PackageRef,
    digest: Digest,
    *,
    expected_revision: int | None = None,
) -> None:
    """Remove a manifest and every tag on it.

    Raises:
        ManifestUnknown: there is no such manifest.
        TagImmutable: the repository does not let a tag of it go.
        StaleRevision: as for :func:`delete_tag`.
    """

    def work() -> None:
        found = rows_of(Manifest).find_one(
            {"package": package.id, digest.algorithm: digest.hex}, {"sha256": 1}
        )
        if found is None:
            raise ManifestUnknown(digest)
        named = {"package": package.id, "sha256": found["sha256"]}
        tags = [row["name"] for row in rows_of(ManifestTag).find(named, {"name": 1})]
        for tag in tags:
            _require_mutable(package, tag)
        rows_of(ManifestTag).delete_many(named)
        rows_of(Manifest).delete_one({"_id": found["_id"]})
        _revise(package, expected_revision)
        record(
            principal,
            package,
            audit.AuditAction.PACKAGE_UNPUBLISH,
            version=str(digest),
            tags=sorted(tags),
        )

    coherence.change({package.name.tag}, lambda: in_transaction(work))


@dataclass(frozen=True, kw_only=True)
class _Push:
    """A push on its way into the database.

    Attributes:
        address: the digest by which the manifest is known.
        sha256: hexadecimal, of the content.
    """

    principal: Principal
    package: PackageRef
    new: NewManifest
    address: Digest
    sha256: str
    moment: datetime


def _address(new: NewManifest) -> Digest:
    algorithm = "sha256" if new.digest is None else new.digest.algorithm
    return Digest(algorithm, hashlib.new(algorithm, new.content).hexdigest())


def _write(push: _Push) -> None:
    package, parsed = push.package, push.new.parsed
    revised = rows_of(Package).update_one(
        {"_id": package.id, "deleted_at": None},
        {"$inc": {"revision": 1}, "$set": _package_facts(push)},
    )
    if not revised.matched_count:
        raise NameUnknown(package.name.display)
    blobs = _hold_blobs(package, parsed.blobs)
    _hold_children(package, parsed.children)
    _save(push, blobs)
    for tag in sorted(push.new.tags):
        _point(push, tag)
    record(
        push.principal,
        package,
        audit.AuditAction.PACKAGE_PUBLISH,
        digest=str(push.address),
        media_type=parsed.media_type,
        tags=sorted(push.new.tags),
    )


def _hold_blobs(package: PackageRef, needed: Sequence[Needed]) -> list[str]:
    """Write to the links that a manifest needs; returns the SHA-256 of each that is there."""
    rows = _hold(BlobLink, package, needed)
    missing = []
    for one in needed:
        row = rows.get(one.digest)
        if row is None:
            if _is_missed(one):
                missing.append(one.digest)
        elif row["size_bytes"] != one.size_bytes:
            raise ManifestInvalid(
                f"{one.digest} has {row['size_bytes']} bytes, not {one.size_bytes}."
            )
    if missing:
        raise ContentUnknown(list(dict.fromkeys(missing)))
    return sorted({row["sha256"] for row in rows.values()})


def _hold_children(package: PackageRef, needed: Sequence[Needed]) -> None:
    """Write to the manifests that an index needs."""
    rows = _hold(Manifest, package, needed)
    missing = [one.digest for one in needed if _is_missed(one) and one.digest not in rows]
    if missing and not package.repository.allow_sparse_index:
        raise ContentUnknown(list(dict.fromkeys(missing)))


def _is_missed(needed: Needed) -> bool:
    """Whether a manifest is refused where this is not there."""
    return needed.is_required and needed.digest != Digest("sha256", EMPTY_JSON)


def _hold(
    kind: type[BlobLink | Manifest], package: PackageRef, needed: Iterable[Needed]
) -> dict[Digest, Row]:
    """Write to the rows of a package that are named, and return them by their digests."""
    digests = {one.digest for one in needed}
    if not digests:
        return {}
    by_algorithm = [
        {algorithm: {"$in": sorted(one.hex for one in digests if one.algorithm == algorithm)}}
        for algorithm in sorted({one.algorithm for one in digests})
    ]
    where: Row = {"package": package.id, "$or": by_algorithm}
    rows_of(kind).update_many(where, {"$set": {"touched_at": now()}})
    found: dict[Digest, Row] = {}
    for row in rows_of(kind).find(where, {"sha256": 1, "sha512": 1, "size_bytes": 1}):
        for algorithm in ("sha256", "sha512"):
            digest = Digest(algorithm, row.get(algorithm) or "")
            if digest in digests:
                found[digest] = row
    return found


def _save(push: _Push, blobs: list[str]) -> None:
    """Insert a manifest, or see to it that the one that is there has this address too."""
    parsed, address = push.new.parsed, push.address
    held: Row = {"blobs": blobs, "touched_at": push.moment}
    if address.algorithm != "sha256":
        held[address.algorithm] = address.hex
    first: Row = {
        "digest": str(address),
        "media_type": parsed.media_type,
        "content": push.new.content,
        "pushed_by": push.principal.user_id,
        "pushed_at": push.moment,
    }
    if parsed.subject is not None:
        first["subject"] = parsed.subject
        first["artifact_type"] = parsed.artifact_type
        first["descriptor"] = _descriptor(push)
    rows_of(Manifest).update_one(
        {"package": push.package.id, "sha256": push.sha256},
        {"$set": held, "$setOnInsert": first},
        upsert=True,
    )


def _descriptor(push: _Push) -> bytes:
    """Write what a subject's referrers are told of a manifest."""
    parsed = push.new.parsed
    found: Row = {
        "mediaType": parsed.media_type,
        "digest": str(push.address),
        "size": len(push.new.content),
    }
    if parsed.artifact_type:
        found["artifactType"] = parsed.artifact_type
    if parsed.annotations:
        found["annotations"] = parsed.annotations
    return orjson.dumps(found)


def _point(push: _Push, tag: str) -> None:
    """Let a tag name the manifest from now on."""
    key = {"package": push.package.id, "name": tag}
    named: Row = {"sha256": push.sha256, "digest": str(push.address)}
    before = rows_of(ManifestTag).find_one(key)
    if before is not None and before["sha256"] == push.sha256:
        rows_of(ManifestTag).update_one(key, {"$set": named})
        return
    if before is not None:
        _require_mutable(push.package, tag)
    rows_of(ManifestTag).update_one(key, {"$set": {**named, "moved_at": push.moment}}, upsert=True)
    record(
        push.principal,
        push.package,
        audit.AuditAction.TAG_SET,
        tag=tag,
        version=str(push.address),
        before=None if before is None else before["digest"],
    )


def _require_mutable(package: PackageRef, tag: str) -> None:
    if _DIGEST_TAG.fullmatch(tag):
        return
    if any(fnmatchcase(tag, pattern) for pattern in package.repository.immutable_tags):
        raise TagImmutable(tag)


def _package_facts(push: _Push) -> Row:
    facts: Row = {
        "published_at": push.moment,
        "updated_at": push.moment,
        "terms": terms_of(push.package.name.display, "", ()),
    }
    named = [tag for tag in push.new.tags if not _DIGEST_TAG.fullmatch(tag)]
    if named:
        facts["latest_number"] = max(named)
    return facts


def _revise(package: PackageRef, expected_revision: int | None) -> None:
    """Give a package its next revision, within a transaction.

    Raises:
        StaleRevision: it has another one than the caller looked at.
    """
    seen: Row = {"_id": package.id}
    if expected_revision is not None:
        seen["revision"] = expected_revision
    revised = rows_of(Package).update_one(
        seen, {"$inc": {"revision": 1}, "$set": {"updated_at": now()}}
    )
    if not revised.matched_count:
        raise StaleRevision(f"{package.name.display} was changed meanwhile.")
