"""Withdraw versions and packages. Names and numbers stay taken; bytes go to the sweeper."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from app import audit
from app.auth.principal import Principal
from app.models import DistTag, Package, Version, VersionState
from app.models.fields import now
from app.models.rows import rows_of
from app.registry.changes import change_package, record
from app.registry.resolution import PackageRef


def withdraw_versions(
    principal: Principal,
    package: PackageRef,
    numbers: Collection[str],
    *,
    tags: Mapping[str, str] | None = None,
    default_tag: str = "",
    expected_revision: int | None = None,
) -> int:
    """Make versions disappear for readers; their numbers are never used again.

    A tag that pointed at one of them goes too. The default tag, if it would be lost, moves
    to the newest version that is left.

    Args:
        tags: where the caller wants the tags to point afterwards; tags that it leaves out
            are removed. None leaves those that still have a version.

    Returns:
        The package's revision after it; the package itself is deleted with its last version.

    Raises:
        StaleRevision, NotFound: as for ``changes.change_package``.
    """

    def work(row: Package) -> None:
        gone = [number for number in _published(row) if number in numbers]
        Version.objects(package=package.id, number__in=gone, state=VersionState.PUBLISHED).update(
            set__state=VersionState.WITHDRAWN, set__withdrawn_at=now()
        )
        for number in gone:
            record(principal, package, audit.AuditAction.PACKAGE_UNPUBLISH, version=number)
        left = _published(row)
        if not left:
            _entomb(row)
            record(principal, package, audit.AuditAction.PACKAGE_DELETE)
            return
        before = _tags_of(row)
        _keep_tags(row, before if tags is None else tags, left, default_tag)
        _record_tags(principal, package, before, _tags_of(row))

    _, revision = change_package(package, work, expected_revision=expected_revision)
    return revision


def delete_package(
    principal: Principal, package: PackageRef, *, expected_revision: int | None = None
) -> None:
    """Withdraw every version and leave a tombstone that keeps the name."""

    def work(row: Package) -> None:
        Version.objects(package=package.id, state=VersionState.PUBLISHED).update(
            set__state=VersionState.WITHDRAWN, set__withdrawn_at=now()
        )
        _entomb(row)
        record(principal, package, audit.AuditAction.PACKAGE_DELETE)

    change_package(package, work, expected_revision=expected_revision)


def _entomb(row: Package) -> None:
    row.deleted_at = now()
    row.tags = []
    row.terms = []
    row.latest_number = ""


def _published(row: Package) -> list[str]:
    """Return the published numbers, oldest first."""
    found = rows_of(Version).find(
        {"package": row.id, "state": VersionState.PUBLISHED}, {"number": 1, "_id": 0}
    )
    return [one["number"] for one in found.sort([("published_at", 1), ("_id", 1)])]


def _tags_of(row: Package) -> dict[str, str]:
    return {one.name: one.number for one in row.tags}


def _record_tags(
    principal: Principal, package: PackageRef, before: Mapping[str, str], after: Mapping[str, str]
) -> None:
    """Record each tag that points elsewhere now, or is gone."""
    for name, number in after.items():
        if before.get(name) != number:
            record(principal, package, audit.AuditAction.TAG_SET, tag=name, version=number)
    for name in sorted(before.keys() - after.keys()):
        record(principal, package, audit.AuditAction.TAG_REMOVE, tag=name)


def _keep_tags(row: Package, wanted: Mapping[str, str], left: list[str], default_tag: str) -> None:
    kept = {name: number for name, number in wanted.items() if number in left}
    if default_tag and left:
        kept.setdefault(default_tag, left[-1])
    row.tags = [DistTag(name=name, number=number) for name, number in kept.items()]
    if row.latest_number not in left:
        row.latest_number = kept.get(default_tag) or (left[-1] if left else "")
