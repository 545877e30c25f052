"""Delete repositories and organizations, with what is in them where that is wanted.

What is empty goes at once. Else a job withdraws the packages first, in batches, each of which is
complete: their names stay the organization's (see ``deletion``). Only then does what held them
go, in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bson import ObjectId

from app import access, audit
from app.access import Action, RepositoryFacts
from app.auth.principal import Principal
from app.errors import Conflict, NotFound
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
from app.registry import (
    background,
    claims,
    listings,
    namespaces,
    organizations,
    repository_management,
)
from app.registry.background import JobTarget, JobView, RunningJob, Work
from app.registry.fencing import change_found
from app.registry.listing import Row
from app.registry.listings import ListedChange
from app.registry.names import PackageName
from app.registry.organizations import OrganizationView
from app.registry.repositories import (
    OrganizationFacts,
    organization_by_id,
    organization_tag,
    slug_tag,
)
from app.registry.repository_management import RepositoryView

_BATCH = 100
_DELETE_REPOSITORY = "repository.delete"
_DELETE_ORGANIZATION = "organization.delete"

Note = Callable[[Sequence[str], str], None]
"""Is told the names of packages, and what became of them."""


def _note_nothing(_names: Sequence[str], _result: str) -> None:
    """Where nobody asks what became of which package."""


def delete_repository(
    principal: Principal,
    repository: str,
    *,
    cascade: bool,
    check: Callable[[RepositoryView], None],
) -> JobView | None:
    """Remove a repository.

    Args:
        principal: an admin of it.
        repository: id.
        cascade: withdraw the packages in it.
        check: raises where the repository is not what the caller thinks.

    Returns:
        The job that does it; none where it was empty, and is gone.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for ``repository_management.find``.
        Conflict: it holds packages, and they are not to go.
    """
    found = repository_management.find(principal, repository, Action.REMOVE)
    view = repository_management.view_of(found)
    check(view)
    if cascade and (packages := _count([found])):
        target = JobTarget(type="repository", id=view.id, name=f"{view.organization}/{view.name}")
        return background.begin(principal, _DELETE_REPOSITORY, target, total=packages)
    _require_empty([found])
    _delete_empty_repository(principal.actor, found, check)
    return None


def delete_organization(
    principal: Principal,
    organization: str,
    *,
    cascade: bool,
    check: Callable[[OrganizationView], None],
) -> JobView | None:
    """Remove an organization, its teams and memberships.

    Where anything was ever published in it, its slug, its namespaces and the names of its
    packages are nobody's from then on: nobody can take the place of what others depend on.

    Args:
        principal: an owner.
        organization: id or slug.
        cascade: remove its repositories and withdraw their packages.
        check: raises where the organization is not what the caller thinks.

    Returns:
        The job that does it; none where it held no packages, and is gone.

    Raises:
        Unauthenticated, NotFound: as for ``organizations.find``.
        Forbidden: the caller is no owner.
        Conflict: it has repositories, and they are not to go.
    """
    found = organizations.find(principal, organization)
    access.require_organization(principal, found, OrganizationRole.OWNER, action="delete")
    check(organizations.view_of(principal, found))
    if found.repositories and not cascade:
        raise Conflict(
            f"{found.slug} has repositories. Delete them first, or say ?cascade=true to delete "
            "them with all of their packages."
        )
    if packages := _count(found.repositories):
        target = JobTarget(type="organization", id=str(found.id), name=found.slug)
        return background.begin(principal, _DELETE_ORGANIZATION, target, total=packages)
    _delete_empty_organization(
        principal.actor, found, lambda: check(organizations.view_of(principal, found))
    )
    return None


def _work_on_repository(job: RunningJob) -> None:
    while (found := _repository(job.target_id)) is not None:
        _withdraw_all(job.actor, [found], note=job.note, between=job.checkpoint)
        try:
            _delete_empty_repository(job.actor, found, lambda _view: None)
        except (Conflict, NotFound):
            job.checkpoint()  # Something was published meanwhile, or others deleted it, too.


def _work_on_organization(job: RunningJob) -> None:
    while (found := organization_by_id(job.target_id)) is not None:
        _withdraw_all(job.actor, found.repositories, note=job.note, between=job.checkpoint)
        try:
            _delete_empty_organization(job.actor, found, lambda: None)
        except (Conflict, NotFound):
            job.checkpoint()  # Something was published meanwhile, or others deleted it, too.


WORK: Mapping[str, Work] = {
    _DELETE_REPOSITORY: _work_on_repository,
    _DELETE_ORGANIZATION: _work_on_organization,
}


def _repository(repository: ObjectId) -> RepositoryFacts | None:
    row = rows_of(Repository).find_one({"_id": repository}, {"organization": 1})
    organization = None if row is None else organization_by_id(row["organization"])
    return None if organization is None else organization.by_id(repository)


def _delete_empty_repository(
    actor: audit.Actor, found: RepositoryFacts, check: Callable[[RepositoryView], None]
) -> None:
    def work() -> None:
        view = repository_management.view_of(found)
        check(view)
        _require_empty([found])
        _remove_repository(found)
        repository_management.record(actor, view, audit.AuditAction.REPOSITORY_DELETE)

    coherence.change({organization_tag(found.organization_id)}, lambda: in_transaction(work))
    _end_late_publishes(actor, [found])


def _delete_empty_organization(
    actor: audit.Actor, found: OrganizationFacts, check: Callable[[], None]
) -> None:
    def tags() -> set[str]:
        held = rows_of(NamespaceClaim).find({"organization": found.id})
        claims = ((row["protocol"], row["namespace"]) for row in held)
        return {organization_tag(found.id), slug_tag(found.slug), *namespaces.tags_of(claims)}

    def work() -> Sequence[RepositoryFacts]:
        current = organization_by_id(found.id)
        if current is None:
            raise NotFound
        check()
        _require_empty(current.repositories)
        for repository in current.repositories:
            _remove_repository(repository)
        _remove_organization(current)
        organizations.record(actor, current, audit.AuditAction.ORGANIZATION_DELETE)
        return current.repositories

    _end_late_publishes(actor, change_found(tags, work))


def withdraw_homeless() -> int:
    """Withdraw what is in repositories that are gone; returns how many packages.

    A deletion that died before its last step may have left some.
    """
    used = set(rows_of(Package).distinct("repository"))
    gone = used - set(rows_of(Repository).distinct("_id", {"_id": {"$in": list(used)}}))
    where = {"repository": {"$in": list(gone)}, "deleted_at": None}
    count = 0
    while batch := list(rows_of(Package).find(where).limit(_BATCH)):
        _withdraw(audit.SYSTEM, batch, {}, _note_nothing)
        count += len(batch)
    return count


def _end_late_publishes(actor: audit.Actor, repositories: Sequence[RepositoryFacts]) -> None:
    """End publishes that found the repositories before they went; they are gone now.

    Who comes later finds no repository; who came before had a claim by then (see
    ``publishing``), which goes now, unless it has just become a version.
    """
    claims.remove_of_repositories([one.id for one in repositories])
    _withdraw_all(actor, repositories)


def _withdraw_all(
    actor: audit.Actor,
    repositories: Sequence[RepositoryFacts],
    *,
    note: Note = _note_nothing,
    between: Callable[[], None] = lambda: None,
) -> None:
    """Withdraw all packages of some repositories, a batch at a time."""
    by_id = {one.id: one for one in repositories}
    while batch := list(rows_of(Package).find(_visible_in(repositories)).limit(_BATCH)):
        _withdraw(actor, batch, by_id, note)
        between()


def _count(repositories: Sequence[RepositoryFacts]) -> int:
    return rows_of(Package).count_documents(_visible_in(repositories))


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
    actor: audit.Actor,
    rows: Sequence[Row],
    repositories: Mapping[ObjectId, RepositoryFacts],
    note: Note,
) -> None:
    ids = [row["_id"] for row in rows]

    def work() -> None:
        moment = now()
        numbers = _listed_numbers(ids)
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
                    "latest_display": "",
                },
                "$inc": {"revision": 1},
            },
        )
        for row in rows:
            _record_withdrawn(actor, row, repositories.get(row["repository"]))
        note([row["display_name"] for row in rows], "deleted")
        _list_withdrawn(rows, numbers)

    tags = {_name(row).tag for row in rows}.union(
        *(listings.tags_of(row["protocol"], [row["repository"]]) for row in rows)
    )
    coherence.change(tags, lambda: in_transaction(work))


def _listed_numbers(packages: Sequence[ObjectId]) -> dict[ObjectId, list[str]]:
    """Return, by package, the versions that lists may show; those that are yanked are not."""
    where = {"package": {"$in": packages}, "state": VersionState.PUBLISHED}
    numbers: dict[ObjectId, list[str]] = {}
    for row in rows_of(Version).find(
        {**where, "is_yanked": {"$ne": True}}, {"package": 1, "display_number": 1}
    ):
        numbers.setdefault(row["package"], []).append(row["display_number"])
    return numbers


def _list_withdrawn(rows: Sequence[Row], numbers: Mapping[ObjectId, Sequence[str]]) -> None:
    """Let lists know that packages are gone: who stops the deletion keeps the repository."""
    by_protocol: dict[str, list[ListedChange]] = {}
    for row in rows:
        change = ListedChange(
            package=row["_id"],
            organization=row["organization"],
            repository=row["repository"],
            name=row["name"],
            display=row["display_name"],
            is_listed=False,
            removed=tuple(numbers.get(row["_id"], ())),
        )
        by_protocol.setdefault(row["protocol"], []).append(change)
    for protocol, changes in by_protocol.items():
        listings.record(protocol, changes)


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
    listings.forget(repository.id)
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
