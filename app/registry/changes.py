"""Change what is published: tags, deprecation, owners, stars.

Each is one transaction under a fence: the rows, the package's new revision and the audit
event become visible together, in every process, before the caller has its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from bson import ObjectId

from app import audit
from app.auth.principal import Principal
from app.errors import InvalidInput, NotFound, StaleRevision
from app.extensions import coherence
from app.models import DistTag, Package, Version, VersionState, in_transaction
from app.models.fields import now
from app.models.rows import rows_of
from app.registry.resolution import PackageRef

Result = TypeVar("Result")


def change_package(
    package: PackageRef, work: Callable[[Package], Result], *, expected_revision: int | None = None
) -> tuple[Result, int]:
    """Run ``work`` on a package's row, bump its revision, and let everyone see both.

    Args:
        package: that the caller was allowed to change.
        work: changes the row, and others, within one transaction; may run more than once.
        expected_revision: the revision that the caller looked at.

    Returns:
        What ``work`` returned, and the new revision.

    Raises:
        StaleRevision: the package has changed since.
        NotFound: it was deleted meanwhile.
    """

    def attempt() -> tuple[Result, int]:
        row = Package.objects(id=package.id, deleted_at=None).first()
        if row is None:
            raise NotFound
        if expected_revision is not None and row.revision != expected_revision:
            raise StaleRevision("Document update conflict.")
        result = work(row)
        row.revision += 1
        row.updated_at = now()
        row.save()
        return result, row.revision

    return coherence.change({package.name.tag}, lambda: in_transaction(attempt))


def set_tags(principal: Principal, package: PackageRef, tags: Mapping[str, str]) -> None:
    """Point tags at published versions.

    Args:
        tags: version numbers, in normal form, by tag.

    Raises:
        NotFound: a version is not published.
    """

    def work(row: Package) -> None:
        published = _published_numbers(package.id, set(tags.values()))
        kept = {one.name: one.number for one in row.tags}
        for name, number in tags.items():
            if number not in published:
                raise NotFound(f"version not found: {number}")
            kept[name] = number
            record(principal, package, audit.AuditAction.TAG_SET, tag=name, version=number)
        row.tags = [DistTag(name=name, number=number) for name, number in kept.items()]

    change_package(package, work)


def remove_tag(principal: Principal, package: PackageRef, tag: str) -> None:
    """Remove a tag; one that is not there is a NotFound."""

    def work(row: Package) -> None:
        kept = [one for one in row.tags if one.name != tag]
        if len(kept) == len(row.tags):
            raise NotFound(f"tag not found: {tag}")
        row.tags = kept
        record(principal, package, audit.AuditAction.TAG_REMOVE, tag=tag)

    change_package(package, work)


def set_deprecations(
    principal: Principal,
    package: PackageRef,
    messages: Mapping[str, str],
    *,
    expected_revision: int | None,
) -> int:
    """Set the deprecation message of versions; an empty one lifts it.

    Args:
        messages: by version number; what is equal to the present state changes nothing.

    Returns:
        The package's revision after it.
    """

    def work(row: Package) -> None:
        del row
        for number, message in messages.items():
            changed = Version.objects(
                package=package.id,
                number=number,
                state=VersionState.PUBLISHED,
                deprecated__ne=message,
            ).update_one(set__deprecated=message)
            if changed:
                record(
                    principal,
                    package,
                    audit.AuditAction.PACKAGE_DEPRECATE,
                    version=number,
                    message=message,
                )

    _, revision = change_package(package, work, expected_revision=expected_revision)
    return revision


def set_owners(
    principal: Principal,
    package: PackageRef,
    owners: Collection[ObjectId],
    *,
    expected_revision: int | None,
) -> int:
    """Replace a package's owners; the order is kept.

    Raises:
        InvalidInput: nobody would be left.
    """
    if not owners:
        raise InvalidInput("A package needs at least one owner.")

    def work(row: Package) -> None:
        for user in set(owners) - set(row.owners):
            record(principal, package, audit.AuditAction.OWNER_ADD, user=str(user))
        for user in set(row.owners) - set(owners):
            record(principal, package, audit.AuditAction.OWNER_REMOVE, user=str(user))
        row.owners = list(owners)

    _, revision = change_package(package, work, expected_revision=expected_revision)
    return revision


def set_star(principal: Principal, package: PackageRef, *, starred: bool) -> int:
    """Set or lift the caller's own star."""

    def work(row: Package) -> None:
        others = [one for one in row.starred_by if one != principal.user]
        row.starred_by = [*others, principal.user] if starred else others
        action = audit.AuditAction.STAR_ADD if starred else audit.AuditAction.STAR_REMOVE
        record(principal, package, action)

    _, revision = change_package(package, work)
    return revision


def record(
    principal: Principal, package: PackageRef, action: audit.AuditAction, **details: audit.Detail
) -> None:
    """Record what was done to a package; called within the transaction that does it."""
    repository = package.repository
    audit.record(
        action,
        actor=principal.actor,
        resource=audit.Resource(type="package", id=str(package.id), name=package.name.display),
        organization=repository.organization_slug,
        repository=repository.name,
        protocol=package.name.protocol,
        details=details,
    )


def _published_numbers(package_id: ObjectId, numbers: set[str]) -> set[str]:
    rows = rows_of(Version).find(
        {
            "package": package_id,
            "number": {"$in": list(numbers)},
            "state": VersionState.PUBLISHED,
        },
        {"number": 1, "_id": 0},
    )
    return {row["number"] for row in rows}
