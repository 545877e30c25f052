"""Withdraw versions and packages. Names and numbers stay taken; bytes go to the sweeper."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from app import audit
from app.auth.principal import Principal
from app.models import DistTag, Package, Version, VersionState
from app.models.fields import now
from app.models.rows import rows_of
from app.registry import precedence
from app.registry.changes import change_package, record, record_listed
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
        before = _published(row)
        gone = [one["number"] for one in before if one["number"] in numbers]
        shown = _listed([one for one in before if one["number"] in numbers])
        Version.objects(package=package.id, number__in=gone, state=VersionState.PUBLISHED).update(
            set__state=VersionState.WITHDRAWN, set__withdrawn_at=now()
        )
        for number in gone:
            record(principal, package, audit.AuditAction.PACKAGE_UNPUBLISH, version=number)
        left = _published(row)
        if left:
            old_tags = _tags_of(row)
            _keep_tags(row, old_tags if tags is None else tags, left, default_tag)
            _record_tags(principal, package, old_tags, _tags_of(row))
        else:
            _entomb(row)
            record(principal, package, audit.AuditAction.PACKAGE_DELETE)
        record_listed(package, row, is_listed=bool(left), removed=shown)

    _, revision = change_package(package, work, expected_revision=expected_revision, lists=True)
    return revision


def delete_package(
    principal: Principal, package: PackageRef, *, expected_revision: int | None = None
) -> None:
    """Withdraw every version and leave a tombstone that keeps the name."""

    def work(row: Package) -> None:
        gone = _listed(_published(row))
        Version.objects(package=package.id, state=VersionState.PUBLISHED).update(
            set__state=VersionState.WITHDRAWN, set__withdrawn_at=now()
        )
        _entomb(row)
        record(principal, package, audit.AuditAction.PACKAGE_DELETE)
        record_listed(package, row, is_listed=False, removed=gone)

    change_package(package, work, expected_revision=expected_revision, lists=True)


def _entomb(row: Package) -> None:
    row.deleted_at = now()
    row.tags = []
    row.terms = []
    precedence.set_latest(row, None)


def _published(row: Package) -> list[dict[str, Any]]:
    """Return what is needed of the published versions' rows, oldest first."""
    found = rows_of(Version).find(
        {"package": row.id, "state": VersionState.PUBLISHED},
        {"number": 1, "display_number": 1, "is_yanked": 1, "_id": 0},
    )
    return list(found.sort([("published_at", 1), ("_id", 1)]))


def _listed(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the numbers that lists may show; what was yanked was taken out of them before."""
    return [one["display_number"] for one in rows if not one.get("is_yanked")]


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


def _keep_tags(
    row: Package, wanted: Mapping[str, str], left: Sequence[dict[str, Any]], default_tag: str
) -> None:
    candidates = {one.number: one for one in precedence.candidates(left)}
    latest = precedence.latest_of(row.protocol, list(candidates.values()))
    kept = {name: number for name, number in wanted.items() if number in candidates}
    if default_tag and latest is not None:
        kept.setdefault(default_tag, latest.number)
    row.tags = [DistTag(name=name, number=number) for name, number in kept.items()]
    if row.latest_number not in candidates:
        precedence.set_latest(row, candidates.get(kept.get(default_tag, ""), latest))
