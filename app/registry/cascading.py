"""Delete repositories and organizations, with what is in them where that is wanted.

Packages are withdrawn first, in batches, each of which is complete: their names stay the
organization's (see ``deletion``). Only then does what held them go, in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bson import ObjectId

from app import access, audit
from app.access import Action, RepositoryFacts
from app.auth.limits import MANAGEMENT
from app.auth.principal import Principal
from app.errors import Conflict
from app.extensions import coherence
from app.models import (
    Grant,
    Membership,
    NamespaceClaim,
    Organization,
    OrganizationRole,
    Package,
    Repository,
    Team,
    TeamMember,
    Version,
    VersionState,
    in_transaction,
)
from app.models.fields import now
from app.models.rows import rows_of
from app.registry import claims, namespaces, organizations, repository_management
from app.registry.fencing import change_found
from app.registry.listing import Row
from app.registry.names import PackageName
from app.registry.organizations import OrganizationView
from app.registry.repositories import OrganizationFacts, organization_tag, slug_tag
from app.registry.repository_management import RepositoryView

MOST_PACKAGES = 1000
_BATCH = 100


def delete_repository(
    principal: Principal,
    repository: str,
    *,
    cascade: bool,
    check: Callable[[RepositoryView], None],
) -> None:
    """Remove a repository.

    Args:
        principal: an admin of it.
        repository: id.
        cascade: withdraw the packages in it, at most ``MOST_PACKAGES``.
        check: raises where the repository is not what the caller thinks.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for ``repository_management.find``.
        Conflict: it holds packages, and they are not to go, or are too many.
    """
    found = repository_management.find(principal, repository, Action.ADMINISTER)
    access.require_token_allows(principal, Action.DELETE, MANAGEMENT, found.organization_id)
    check(repository_management.view_of(found))
    _empty(principal.actor, [found], cascade=cascade)

    def work() -> None:
        view = repository_management.view_of(found)
        check(view)
        _require_empty([found])
        _remove_repository(found)
        repository_management.record(principal, view, audit.AuditAction.REPOSITORY_DELETE)

    coherence.change({organization_tag(found.organization_id)}, lambda: in_transaction(work))
    _end_late_publishes(principal.actor, [found])


def delete_organization(
    principal: Principal,
    organization: str,
    *,
    cascade: bool,
    check: Callable[[OrganizationView], None],
) -> None:
    """Remove an organization, its teams and memberships.

    Where anything was ever published in it, its slug, its namespaces and the names of its
    packages are nobody's from then on: nobody can take the place of what others depend on.

    Args:
        principal: an owner.
        organization: id or slug.
        cascade: remove its repositories and withdraw their packages, at most
            ``MOST_PACKAGES``.
        check: raises where the organization is not what the caller thinks.

    Raises:
        Unauthenticated, NotFound: as for ``organizations.find``.
        Forbidden: the caller is no owner.
        Conflict: it has repositories, and they are not to go, or hold too many packages.
    """
    found = organizations.find(principal, organization)
    access.require_organization(principal, found, OrganizationRole.OWNER, action="delete")
    check(organizations.get(principal, organization))
    if found.repositories and not cascade:
        raise Conflict(
            f"{found.slug} has repositories. Delete them first, or say ?cascade=true to delete "
            "them with all of their packages."
        )
    _empty(principal.actor, found.repositories, cascade=cascade)

    def tags() -> set[str]:
        held = rows_of(NamespaceClaim).find({"organization": found.id})
        claims = ((row["protocol"], row["namespace"]) for row in held)
        return {organization_tag(found.id), slug_tag(found.slug), *namespaces.tags_of(claims)}

    def work() -> Sequence[RepositoryFacts]:
        current = organizations.find(principal, str(found.id))
        check(organizations.get(principal, str(found.id)))
        _require_empty(current.repositories)
        for repository in current.repositories:
            _remove_repository(repository)
        _remove_organization(current)
        organizations.record(principal, current, audit.AuditAction.ORGANIZATION_DELETE)
        return current.repositories

    _end_late_publishes(principal.actor, change_found(tags, work))


def withdraw_homeless() -> int:
    """Withdraw what is in repositories that are gone; returns how many packages.

    A deletion that died before its last step may have left some.
    """
    used = set(rows_of(Package).distinct("repository"))
    gone = used - set(rows_of(Repository).distinct("_id", {"_id": {"$in": list(used)}}))
    where = {"repository": {"$in": list(gone)}, "deleted_at": None}
    count = 0
    while batch := list(rows_of(Package).find(where).limit(_BATCH)):
        _withdraw(audit.SYSTEM, batch, {})
        count += len(batch)
    return count


def _empty(actor: audit.Actor, repositories: Sequence[RepositoryFacts], *, cascade: bool) -> None:
    """Withdraw all packages of some repositories, a batch at a time."""
    if not cascade:
        _require_empty(repositories)
        return
    count = rows_of(Package).count_documents(_visible_in(repositories), limit=MOST_PACKAGES + 1)
    if count > MOST_PACKAGES:
        raise Conflict(
            f"These are more than {MOST_PACKAGES} packages, the most that are deleted in one "
            "request. Delete some of them first."
        )
    _withdraw_all(actor, repositories)


def _end_late_publishes(actor: audit.Actor, repositories: Sequence[RepositoryFacts]) -> None:
    """End publishes that found the repositories before they went; they are gone now.

    Who comes later finds no repository; who came before had a claim by then (see
    ``publishing``), which goes now, unless it has just become a version.
    """
    claims.remove_of_repositories([one.id for one in repositories])
    _withdraw_all(actor, repositories)


def _withdraw_all(actor: audit.Actor, repositories: Sequence[RepositoryFacts]) -> None:
    by_id = {one.id: one for one in repositories}
    while batch := list(rows_of(Package).find(_visible_in(repositories)).limit(_BATCH)):
        _withdraw(actor, batch, by_id)


def _require_empty(repositories: Sequence[RepositoryFacts]) -> None:
    package = rows_of(Package).find_one(_visible_in(repositories), {"display_name": 1})
    if package is not None:
        raise Conflict(
            f"There are packages in it, such as {package['display_name']}. Delete them first, or "
            "say ?cascade=true to delete them all."
        )


def _visible_in(repositories: Sequence[RepositoryFacts]) -> Row:
    return {
        "repository": {"$in": [one.id for one in repositories]},
        "deleted_at": None,
    }


def _withdraw(
    actor: audit.Actor, rows: Sequence[Row], repositories: Mapping[ObjectId, RepositoryFacts]
) -> None:
    ids = [row["_id"] for row in rows]

    def work() -> None:
        moment = now()
        rows_of(Version).update_many(
            {"package": {"$in": ids}, "state": VersionState.PUBLISHED},
            {"$set": {"state": VersionState.WITHDRAWN, "withdrawn_at": moment}},
        )
        rows_of(Package).update_many(
            {"_id": {"$in": ids}},
            {
                "$set": {
                    "deleted_at": moment,
                    "updated_at": moment,
                    "tags": [],
                    "terms": [],
                    "latest_number": "",
                },
                "$inc": {"revision": 1},
            },
        )
        for row in rows:
            _record_withdrawn(actor, row, repositories.get(row["repository"]))

    coherence.change({_name(row).tag for row in rows}, lambda: in_transaction(work))


def _record_withdrawn(actor: audit.Actor, row: Row, repository: RepositoryFacts | None) -> None:
    audit.record(
        audit.AuditAction.PACKAGE_DELETE,
        actor=actor,
        resource=audit.Resource(type="package", id=str(row["_id"]), name=row["display_name"]),
        organization=repository.organization_slug if repository else "",
        repository=repository.name if repository else "",
        protocol=row["protocol"],
    )


def _remove_repository(repository: RepositoryFacts) -> None:
    """Remove a repository's row and what refers to it, but for the names that were used."""
    claims.remove_of_repositories([repository.id])
    rows_of(Grant).delete_many({"repository": repository.id})
    rows_of(Repository).update_many(
        {"organization": repository.organization_id, "members": repository.id},
        {"$pull": {"members": repository.id}, "$set": {"updated_at": now()}},
    )
    rows_of(Repository).delete_one({"_id": repository.id})


def _remove_organization(organization: OrganizationFacts) -> None:
    teams = rows_of(Team).distinct("_id", {"organization": organization.id})
    rows_of(TeamMember).delete_many({"team": {"$in": teams}})
    rows_of(Team).delete_many({"organization": organization.id})
    rows_of(Membership).delete_many({"organization": organization.id})
    if rows_of(Package).find_one({"organization": organization.id}, {"_id": 1}) is None:
        rows_of(NamespaceClaim).delete_many({"organization": organization.id})
    rows_of(Organization).delete_one({"_id": organization.id})


def _name(row: Row) -> PackageName:
    return PackageName(protocol=row["protocol"], normal=row["name"], display=row["display_name"])
