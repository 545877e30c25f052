"""Grants: roles on one repository, for users and for teams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId

from app import access, audit
from app.access import Action, ExplainedRole, RepositoryFacts
from app.auth import users
from app.auth.limits import MANAGEMENT
from app.auth.principal import CredentialKind, Principal
from app.auth.users import user_tag
from app.errors import NotFound, Unauthenticated
from app.extensions import coherence
from app.models import (
    Grant,
    GranteeType,
    OrganizationRole,
    Repository,
    RepositoryRole,
    Team,
    in_transaction,
)
from app.models.rows import rows_of
from app.registry import repository_management, teams
from app.registry.listing import UP, Page, PageRequest, Row, find_page
from app.registry.people import (
    UserSummary,
    find_active_user,
    find_user,
    names_self,
    serialize_changes,
    summaries,
    summary_of,
)
from app.registry.repositories import organization_tag


@dataclass(frozen=True, kw_only=True)
class Grantee:
    """Who a grant is for; ``name`` is the username, or the team's slug."""

    type: GranteeType
    id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class GrantView:
    """A role on a repository; a team's without one gives each member what the team does."""

    grantee: Grantee
    role: RepositoryRole | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class TeamRepositoryView:
    """A repository that a team is granted."""

    id: str
    name: str
    protocol: str
    role: RepositoryRole | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class EffectiveRole:
    """What somebody may do in a repository, and which rules say so."""

    user: UserSummary
    explained: ExplainedRole


GrantEdit = Callable[[GrantView | None], RepositoryRole | None]
"""Says what is to be granted, by what is: none where nothing is yet."""


def list_grants(principal: Principal, repository: str, page: PageRequest) -> Page[GrantView]:
    """Return who is granted what on a repository, teams before users.

    Args:
        principal: an admin of it.
        repository: id.
        page: which part.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for ``repository_management.find``.
    """
    found = repository_management.find(principal, repository, Action.INSPECT)
    order = [("grantee_type", UP), ("grantee", UP)]
    return find_page(rows_of(Grant), {"repository": found.id}, order, page).shown_as(_views)


def grant_user(principal: Principal, repository: str, user: str, edit: GrantEdit) -> GrantView:
    """Give a user a role on a repository, a member of its organization or not.

    Args:
        principal: an admin of the repository.
        repository: id.
        user: id, username or e-mail address.
        edit: which role.

    Raises:
        Unauthenticated, Forbidden: as for ``repository_management.find``.
        NotFound: likewise, and where there is no such user.
    """
    found = repository_management.find(principal, repository, Action.ADMINISTER)
    member = find_active_user(user)
    grantee = Grantee(type=GranteeType.USER, id=str(member.id), name=member.username)
    return _set(principal, found, grantee, edit)


def grant_team(
    principal: Principal,
    repository: str,
    team: str,
    edit: GrantEdit,
    *,
    door: str = MANAGEMENT,
) -> GrantView:
    """Give a team a repository of its organization.

    Args:
        principal: an admin of the repository, and a member of its organization.
        repository: id.
        team: id or slug.
        edit: the most that its members get; none for what their role in the team gives.
        door: the way in, for a token's limits.

    Raises:
        Unauthenticated, Forbidden: as for ``repository_management.find``.
        NotFound: likewise, and where the organization has no such team.
    """
    found = repository_management.find(principal, repository, Action.ADMINISTER, door=door)
    return _set(principal, found, _team_grantee(found, team), edit)


def revoke_user(
    principal: Principal,
    repository: str,
    user: str,
    *,
    check: Callable[[GrantView], None] = lambda _current: None,
) -> None:
    """Take from a user what they were granted on a repository.

    Raises:
        Unauthenticated, Forbidden: as for ``repository_management.find``.
        NotFound: likewise, and where nothing was granted.
    """
    found = repository_management.find(principal, repository, Action.REMOVE)
    member = find_user(user)
    grantee = Grantee(type=GranteeType.USER, id=str(member.id), name=member.username)
    _remove(principal, found, grantee, check)


def revoke_team(
    principal: Principal,
    repository: str,
    team: str,
    *,
    check: Callable[[GrantView], None] = lambda _current: None,
    door: str = MANAGEMENT,
) -> None:
    """Take a repository from a team.

    Raises:
        Unauthenticated, Forbidden: as for ``repository_management.find``.
        NotFound: likewise, and where nothing was granted.
    """
    found = repository_management.find(principal, repository, Action.REMOVE, door=door)
    _remove(principal, found, _team_grantee(found, team), check)


def list_team_repositories(
    principal: Principal,
    team: str,
    page: PageRequest,
    *,
    organization: str | None = None,
    door: str = MANAGEMENT,
) -> Page[TeamRepositoryView]:
    """Return the repositories that a team is granted, the oldest first.

    Args:
        principal: a member of its organization.
        team: its id, or its slug where the organization is named.
        page: which part.
        organization: id or slug.
        door: the way in, for a token's limits.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for ``teams.find``.
    """
    found = teams.find(
        principal,
        team,
        OrganizationRole.MEMBER,
        action="read",
        organization=organization,
        door=door,
    )
    where = {"grantee_type": GranteeType.TEAM, "grantee": found.id}
    rows = find_page(rows_of(Grant), where, [("repository", UP)], page)
    return rows.shown_as(_team_repositories)


def grant_repository(
    principal: Principal, team: str, repository: str, edit: GrantEdit
) -> GrantView:
    """Give a team a repository of its organization, from the team's side.

    Args:
        principal: an admin of the repository, and a member of the organization.
        team: id.
        repository: id or name.
        edit: the most that its members get; none for what their role in the team gives.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for ``teams.find`` and
            ``repository_management.find``.
    """
    grantee, facts = _team_and_repository(principal, team, repository, Action.ADMINISTER)
    return _set(principal, facts, grantee, edit)


def revoke_repository(
    principal: Principal, team: str, repository: str, *, check: Callable[[GrantView], None]
) -> None:
    """Take a repository from a team, from the team's side.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for :func:`grant_repository`.
        NotFound: nothing was granted, too.
    """
    grantee, facts = _team_and_repository(principal, team, repository, Action.REMOVE)
    _remove(principal, facts, grantee, check)


def effective_role(principal: Principal, repository: str, user: str | None) -> EffectiveRole:
    """Return what somebody may do in a repository, and why.

    Args:
        principal: themselves, who may read it, or an admin of it.
        repository: id.
        user: id, username or e-mail address; none for the caller.

    Raises:
        Unauthenticated: nobody is signed in.
        NotFound: there is no such repository, or user, for the caller.
        Forbidden: it is somebody else, and the caller is no admin.
    """
    if principal.is_anonymous:
        raise Unauthenticated
    is_self = user is None or names_self(principal, user)
    action = Action.READ if is_self else Action.INSPECT
    found = repository_management.find(principal, repository, action)
    who = find_user(str(principal.user) if user is None else user)
    other = users.principal_of(who, CredentialKind.SESSION)
    return EffectiveRole(user=summary_of(who), explained=access.effective_role(other, found))


def _team_and_repository(
    principal: Principal, team: str, repository: str, action: Action
) -> tuple[Grantee, RepositoryFacts]:
    found = teams.find(principal, team, OrganizationRole.MEMBER, action=action.token_action)
    facts = repository_management.find(
        principal, repository, action, organization=found.organization
    )
    return Grantee(type=GranteeType.TEAM, id=str(found.id), name=found.slug), facts


def _set(
    principal: Principal, repository: RepositoryFacts, grantee: Grantee, edit: GrantEdit
) -> GrantView:
    def work() -> GrantView:
        serialize_changes(repository.organization_id)
        repository_management.view_of(repository)
        row = _row(repository, grantee)
        current = None if row is None else _view(row, grantee.name)
        role = edit(current)
        if current is not None and current.role is role:
            return current
        if row is None:
            Grant(
                repository=repository.id,
                organization=repository.organization_id,
                grantee_type=grantee.type,
                grantee=ObjectId(grantee.id),
                role=role,
            ).save(force_insert=True)
        else:
            rows_of(Grant).update_one({"_id": row["_id"]}, {"$set": {"role": role}})
        _record(principal, repository, grantee, audit.AuditAction.GRANT_SET, role=role)
        return _view(_required_row(repository, grantee), grantee.name)

    return coherence.change(_tags(repository, grantee), lambda: in_transaction(work))


def _remove(
    principal: Principal,
    repository: RepositoryFacts,
    grantee: Grantee,
    check: Callable[[GrantView], None],
) -> None:
    def work() -> None:
        row = _required_row(repository, grantee)
        check(_view(row, grantee.name))
        rows_of(Grant).delete_one({"_id": row["_id"]})
        _record(principal, repository, grantee, audit.AuditAction.GRANT_REMOVE)

    coherence.change(_tags(repository, grantee), lambda: in_transaction(work))


def _team_grantee(repository: RepositoryFacts, team: str) -> Grantee:
    by_name: Row = {"slug": team}
    if ObjectId.is_valid(team):
        by_name = {"$or": [by_name, {"_id": ObjectId(team)}]}
    row = rows_of(Team).find_one({"organization": repository.organization_id, **by_name})
    if row is None:
        raise NotFound(f"{repository.organization_slug} has no team {team}.")
    return Grantee(type=GranteeType.TEAM, id=str(row["_id"]), name=row["slug"])


def _tags(repository: RepositoryFacts, grantee: Grantee) -> set[str]:
    tags = {organization_tag(repository.organization_id)}
    if grantee.type is GranteeType.USER:
        tags.add(user_tag(ObjectId(grantee.id)))
    return tags


def _record(
    principal: Principal,
    repository: RepositoryFacts,
    grantee: Grantee,
    action: audit.AuditAction,
    **details: audit.Detail,
) -> None:
    audit.record(
        action,
        actor=principal.actor,
        resource=audit.Resource(type=grantee.type, id=grantee.id, name=grantee.name),
        organization=repository.organization_slug,
        repository=repository.name,
        protocol=repository.protocol,
        details=details,
    )


def _row(repository: RepositoryFacts, grantee: Grantee) -> Row | None:
    return rows_of(Grant).find_one(
        {
            "repository": repository.id,
            "grantee_type": grantee.type,
            "grantee": ObjectId(grantee.id),
        }
    )


def _required_row(repository: RepositoryFacts, grantee: Grantee) -> Row:
    row = _row(repository, grantee)
    if row is None:
        raise NotFound(f"{grantee.name} was granted nothing on {repository.path}.")
    return row


def _views(rows: Sequence[Row]) -> list[GrantView]:
    people = summaries(row["grantee"] for row in rows if row["grantee_type"] == GranteeType.USER)
    ids = [row["grantee"] for row in rows if row["grantee_type"] == GranteeType.TEAM]
    slugs = {row["_id"]: row["slug"] for row in rows_of(Team).find({"_id": {"$in": ids}})}
    names = {**{one: person.username for one, person in people.items()}, **slugs}
    return [_view(row, names.get(row["grantee"], "")) for row in rows]


def _view(row: Row, name: str) -> GrantView:
    role = row.get("role")
    return GrantView(
        grantee=Grantee(type=GranteeType(row["grantee_type"]), id=str(row["grantee"]), name=name),
        role=None if role is None else RepositoryRole(role),
        created_at=row["created_at"],
    )


def _team_repositories(rows: Sequence[Row]) -> list[TeamRepositoryView]:
    ids = [row["repository"] for row in rows]
    found = {row["_id"]: row for row in rows_of(Repository).find({"_id": {"$in": ids}})}
    return [
        TeamRepositoryView(
            id=str(row["repository"]),
            name=found[row["repository"]]["name"],
            protocol=found[row["repository"]]["protocol"],
            role=None if row.get("role") is None else RepositoryRole(row["role"]),
            created_at=row["created_at"],
        )
        for row in rows
        if row["repository"] in found
    ]
