"""Lists of a package's tags and referrers, and of the packages that a caller may read.

Each page is one look at an index, and goes on by the place where the last one ended.

Spec: OCI distribution 1.1, "Listing Tags", "Listing Referrers"; Docker registry, "Catalog".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app import access
from app.auth.principal import Principal
from app.extensions import coherence
from app.models import Manifest, ManifestTag, Organization, Package
from app.models.rows import rows_of
from app.protocols.oci.names import PROTOCOL_NAME, Digest
from app.registry.listing import Row
from app.registry.reading import record_read
from app.registry.resolution import PackageRef

MOST_REFERRERS = 1000
LARGEST_REFERRERS_BYTES = 4 * 1024 * 1024
"""Clients read no larger manifest, and this is one."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class TagPage:
    """Tags in the order of their bytes."""

    tags: tuple[str, ...]
    has_more: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ReferrerPage:
    """Descriptors, in the order in which they were pushed.

    Attributes:
        descriptors: JSON texts.
        next: where the next page begins; none at the end.
    """

    descriptors: tuple[bytes, ...]
    next: str | None


def list_tags(principal: Principal, package: PackageRef, *, after: str, limit: int) -> TagPage:
    """Return a package's tags that follow one, which need not exist.

    Raises:
        Unavailable: as for ``reading.record_read``.
    """
    record_read(principal, package, document="tags")

    def load() -> TagPage:
        coherence.depends_on(package.name.tag)
        if not limit:
            return TagPage(tags=(), has_more=False)
        # MongoDB compares strings by their bytes where no collation is named.
        found = rows_of(ManifestTag).find(
            {"package": package.id, "name": {"$gt": after}}, {"name": 1, "_id": 0}
        )
        names = [row["name"] for row in found.sort("name", 1).limit(limit + 1)]
        return TagPage(tags=tuple(names[:limit]), has_more=len(names) > limit)

    return coherence.cached(
        ("oci tags", package.id, after, limit), load, size_bytes=lambda one: 100 * len(one.tags)
    )


def list_referrers(
    principal: Principal,
    package: PackageRef,
    subject: Digest,
    *,
    artifact_type: str | None,
    after: str | None,
) -> ReferrerPage:
    """Return the manifests of a package that name a subject, which need not exist.

    Args:
        principal: the caller.
        package: that they may pull.
        subject: whose referrers.
        artifact_type: only those; none for all.
        after: where the page before ended, as it said.

    Raises:
        Unavailable: as for ``reading.record_read``.
    """
    record_read(principal, package, document=f"referrers of {subject}")

    def load() -> ReferrerPage:
        coherence.depends_on(package.name.tag)
        where: Row = {"package": package.id, "subject": str(subject)}
        if artifact_type is not None:
            where["artifact_type"] = artifact_type
        position = None if after is None else _read_position(after)
        if position is not None:
            moment, digest = position
            where["$or"] = [
                {"pushed_at": moment, "digest": {"$gt": digest}},
                {"pushed_at": {"$gt": moment}},
            ]
        found = rows_of(Manifest).find(where, {"descriptor": 1, "pushed_at": 1, "digest": 1})
        ordered = found.sort([("pushed_at", 1), ("digest", 1)]).limit(MOST_REFERRERS + 1)
        return _within_limits(ordered)

    return coherence.cached(
        ("oci referrers", package.id, str(subject), artifact_type, after),
        load,
        size_bytes=lambda one: 1024 + sum(map(len, one.descriptors)),
    )


def list_packages(principal: Principal, *, after: str, limit: int) -> TagPage:
    """Return the full names of the OCI packages that the caller may read, past one of them."""
    if not limit:
        return TagPage(tags=(), has_more=False)
    found: list[str] = []
    for name in _readable_names(principal, after):
        if len(found) == limit:
            return TagPage(tags=tuple(found), has_more=True)
        found.append(name)
    return TagPage(tags=tuple(found), has_more=False)


def _within_limits(rows: Iterator[Row]) -> ReferrerPage:
    descriptors: list[bytes] = []
    size_bytes = 0
    last = ""
    for row in rows:
        descriptor = bytes(row["descriptor"])
        size_bytes += len(descriptor) + 1
        if descriptors and (
            size_bytes > LARGEST_REFERRERS_BYTES or len(descriptors) == MOST_REFERRERS
        ):
            return ReferrerPage(descriptors=tuple(descriptors), next=last)
        descriptors.append(descriptor)
        last = f"{(row['pushed_at'] - _EPOCH) // _MILLISECOND}.{row['digest']}"
    return ReferrerPage(descriptors=tuple(descriptors), next=None)


def _read_position(text: str) -> tuple[datetime, str] | None:
    """Read what a Link said; anything else begins from the start."""
    milliseconds, _, digest = text.partition(".")
    if not milliseconds.isascii() or not milliseconds.isdecimal() or len(milliseconds) > 14:  # noqa: PLR2004  year 5138
        return None
    return _EPOCH + int(milliseconds) * _MILLISECOND, digest


def _readable_names(principal: Principal, after: str) -> Iterator[str]:
    """Give names in the order of their bytes.

    An organization's slug with the slash behind it is never the beginning of another one's,
    so that ordering those orders the names.
    """
    readable = list(access.readable_repository_ids(principal))
    visible: Row = {
        "protocol": PROTOCOL_NAME,
        "repository": {"$in": readable},
        "deleted_at": None,
    }
    holders = rows_of(Package).distinct("organization", visible)
    slugs = {
        row["slug"] + "/": row["_id"]
        for row in rows_of(Organization).find({"_id": {"$in": holders}}, {"slug": 1})
    }
    for prefix in sorted(slugs):
        past = _past(prefix, after)
        if past is None:
            continue
        where: Row = {**visible, "organization": slugs[prefix], "name": {"$gt": past}}
        for row in rows_of(Package).find(where, {"name": 1}).sort("name", 1):
            yield prefix + row["name"]


def _past(prefix: str, after: str) -> str | None:
    """Return past which name of an organization to go on; none where all come before."""
    if after.startswith(prefix):
        return after[len(prefix) :]
    return "" if prefix > after else None
