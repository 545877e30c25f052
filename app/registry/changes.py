"""Change what is published: tags, deprecation, owners, stars.

Each is one transaction under a fence: the rows, the package's new revision and the audit
event become visible together, in every process, before the caller has its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from bson import ObjectId
from pymongo import UpdateMany

from app import audit
from app.auth.limits import why_outside
from app.auth.principal import Principal
from app.errors import Forbidden, InvalidInput, NotFound, StaleRevision
from app.extensions import coherence
from app.models import DistTag, Package, Version, VersionState, in_transaction
from app.models.fields import now
from app.models.rows import rows_of
from app.registry import listings
from app.registry.resolution import PackageRef

Result = TypeVar("Result")


def change_package(
    package: PackageRef,
    work: Callable[[Package], Result],
    *,
    expected_revision: int | None = None,
    lists: bool = False,
) -> tuple[Result, int]:
    """Run ``work`` on a package's row, bump its revision, and let everyone see both.

    Args:
        package: that the caller was allowed to change.
        work: changes the row, and others, within one transaction; may run more than once.
        expected_revision: the revision that the caller looked at.
        lists: lists of packages show the change, too; ``work`` records it for them.

    Returns:
        What ``work`` returned, and the new revision.

    Raises:
        StaleRevision: the package has changed since.
        NotFound: it was deleted meanwhile.
    """

    def attempt() -> tuple[Result, int]:
        row = _row_of(package, expected_revision)
        result = work(row)
        row.revision += 1
        row.updated_at = now()
        row.save()
        return result, row.revision

    tags = {package.name.tag}
    if lists:
        tags |= listings.tags_of(package.name.protocol, [package.repository.id])
    return coherence.change(tags, lambda: in_transaction(attempt))


def set_tags(principal: Principal, package: PackageRef, tags: Mapping[str, str]) -> None:
    """Point tags at published versions.

    Args:
        tags: version numbers, in normal form, by tag.

    Raises:
        NotFound: a version is not published.
    """

    def work(row: Package) -> None:
        published = published_numbers(package.id, set(tags.values()))
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
        messages: by version number; what is not published is passed over. Where all are
            equal to the present state, nothing changes.

    Returns:
        The package's revision after it.
    """
    if not _differing(package.id, messages):
        return int(_row_of(package, expected_revision).revision)

    def work(row: Package) -> None:
        del row
        differing = _differing(package.id, messages)
        if not differing:
            return  # Somebody else has just said the same.
        _write_messages(package.id, differing)
        audit.record_all(
            [
                _event(
                    principal,
                    package,
                    audit.AuditAction.PACKAGE_DEPRECATE,
                    {"version": number, "message": message},
                )
                for number, message in differing.items()
            ]
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
    """Set or lift the caller's own star.

    Args:
        principal: who may read the package, which is for the caller to find out.

    Raises:
        Forbidden: their token is for reading only.
    """
    reason = why_outside(principal.limits, door=package.name.protocol, action="write")
    if reason is not None:
        raise Forbidden(reason)

    def work(row: Package) -> None:
        others = [one for one in row.starred_by if one != principal.user]
        row.starred_by = [*others, principal.user] if starred else others
        action = audit.AuditAction.STAR_ADD if starred else audit.AuditAction.STAR_REMOVE
        record(principal, package, action)

    _, revision = change_package(package, work)
    return revision


def record_listed(
    package: PackageRef,
    row: Package,
    *,
    is_listed: bool = True,
    added: Collection[str] = (),
    removed: Collection[str] = (),
) -> None:
    """Let lists know which versions came and went; the last step of a change's transaction.

    Args:
        package: whose they are.
        row: its row, as it is going to be.
        is_listed: whether the package itself is there afterwards.
        added, removed: numbers, as their publishers spell them.
    """
    change = listings.ListedChange(
        package=package.id,
        organization=package.repository.organization_id,
        repository=package.repository.id,
        name=package.name.normal,
        display=row.display_name,
        is_listed=is_listed,
        added=tuple(added),
        removed=tuple(removed),
    )
    listings.record(package.name.protocol, [change])


def record(
    principal: Principal, package: PackageRef, action: audit.AuditAction, **details: audit.Detail
) -> None:
    """Record what was done to a package; called within the transaction that does it."""
    audit.record_all([_event(principal, package, action, details)])


def published_numbers(package_id: ObjectId, among: Collection[str] | None = None) -> frozenset[str]:
    """Return the numbers of a package's published versions, of all or among some."""
    where: dict[str, Any] = {"package": package_id, "state": VersionState.PUBLISHED}
    if among is not None:
        where["number"] = {"$in": list(among)}
    rows = rows_of(Version).find(where, {"number": 1, "_id": 0})
    return frozenset(row["number"] for row in rows)


def _row_of(package: PackageRef, expected_revision: int | None) -> Package:
    # It may have been deleted, and published to another repository, where others decide.
    row: Package | None = Package.objects(
        id=package.id, repository=package.repository.id, deleted_at=None
    ).first()
    if row is None:
        raise NotFound
    if expected_revision is not None and row.revision != expected_revision:
        raise StaleRevision("Document update conflict.")
    return row


def _differing(package_id: ObjectId, messages: Mapping[str, str]) -> dict[str, str]:
    """Return the messages that published versions do not have yet, by number."""
    rows = rows_of(Version).find(
        {"package": package_id, "state": VersionState.PUBLISHED},
        {"number": 1, "deprecated": 1, "_id": 0},
    )
    present = {row["number"]: row.get("deprecated") or "" for row in rows}
    return {
        number: message
        for number, message in messages.items()
        if present.get(number, message) != message
    }


def _write_messages(package_id: ObjectId, messages: Mapping[str, str]) -> None:
    numbers_by_message: dict[str, list[str]] = {}
    for number, message in messages.items():
        numbers_by_message.setdefault(message, []).append(number)
    rows_of(Version).bulk_write(
        [
            UpdateMany(
                {"package": package_id, "number": {"$in": numbers}},
                {"$set": {"deprecated": message}},
            )
            for message, numbers in numbers_by_message.items()
        ]
    )


def _event(
    principal: Principal,
    package: PackageRef,
    action: audit.AuditAction,
    details: Mapping[str, audit.Detail],
) -> audit.AuditEvent:
    repository = package.repository
    return audit.describe(
        action,
        actor=principal.actor,
        resource=audit.Resource(type="package", id=str(package.id), name=package.name.display),
        organization=repository.organization_slug,
        repository=repository.name,
        protocol=package.name.protocol,
        details=details,
    )
