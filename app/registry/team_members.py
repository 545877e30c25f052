"""Who is in a team, and as what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId

from app import audit
from app.auth.limits import MANAGEMENT
from app.auth.principal import Principal
from app.auth.users import user_tag
from app.errors import Conflict, NotFound, UnprocessableInput
from app.extensions import coherence
from app.models import Membership, OrganizationRole, TeamMember, TeamRole, User, in_transaction
from app.models.rows import rows_of
from app.registry import teams
from app.registry.listing import UP, Page, PageRequest, Row, find_page
from app.registry.people import (
    UserSummary,
    find_active_user,
    find_user,
    names_self,
    require_user,
    serialize_changes,
    summaries,
    summary_of,
)
from app.registry.repositories import organization_tag
from app.registry.teams import FoundTeam


@dataclass(frozen=True, kw_only=True)
class TeamMemberView:
    """One user in one team."""

    user: UserSummary
    role: TeamRole
    created_at: datetime


TeamRoleEdit = Callable[[TeamMemberView | None], TeamRole]
"""Says what a user is to be in a team, by what they are: none where they are not in it."""


def list_members(
    principal: Principal,
    team: str,
    page: PageRequest,
    *,
    organization: str | None = None,
    door: str = MANAGEMENT,
) -> Page[TeamMemberView]:
    """Return a team's members, the oldest account first.

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
    rows = find_page(rows_of(TeamMember), {"team": found.id}, [("user", UP)], page)
    return rows.shown_as(_views)


def get_member(principal: Principal, team: str, user: str) -> TeamMemberView:
    """Return one member of a team.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for ``teams.find``.
        NotFound: the user is not in it, too.
    """
    found = teams.find(principal, team, OrganizationRole.MEMBER, action="read")
    member = find_user(user)
    return _view(_required_row(found, member), summary_of(member))


def add_member(principal: Principal, team: str, user: str, role: TeamRole) -> TeamMemberView:
    """Put a member of the organization into a team.

    Args:
        principal: an owner or admin of the organization.
        team: id.
        user: id, username or e-mail address.
        role: what they are to be in it.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for ``teams.find``.
        UnprocessableInput: there is no such user, or they are not in the organization.
        Conflict: they are in the team already.
    """
    found = teams.find(principal, team, OrganizationRole.ADMIN, action="write")
    member = require_user(user, field="/user")

    def only_new(current: TeamMemberView | None) -> TeamRole:
        if current is not None:
            raise Conflict(f"{member.username} is in the team {found.slug} already.")
        return role

    return _set(principal, found, member, only_new)


def set_member(
    principal: Principal,
    team: str,
    user: str,
    edit: TeamRoleEdit,
    *,
    organization: str | None = None,
    door: str = MANAGEMENT,
) -> TeamMemberView:
    """Put a member of the organization into a team, or change what one is in it.

    Args:
        principal: an owner or admin of the organization.
        team: its id, or its slug where the organization is named.
        user: id, username or e-mail address.
        edit: what they are to be in it.
        organization: id or slug.
        door: the way in, for a token's limits.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for ``teams.find``.
        NotFound: there is no such user, too.
        UnprocessableInput: they are not in the organization.
    """
    found = teams.find(
        principal,
        team,
        OrganizationRole.ADMIN,
        action="write",
        organization=organization,
        door=door,
    )
    return _set(principal, found, find_active_user(user), edit)


def remove_member(
    principal: Principal,
    team: str,
    user: str,
    *,
    check: Callable[[TeamMemberView], None] = lambda _current: None,
    organization: str | None = None,
    door: str = MANAGEMENT,
) -> None:
    """Take somebody out of a team.

    Args:
        principal: themselves, or an owner or admin of the organization.
        team: its id, or its slug where the organization is named.
        user: id, username or e-mail address.
        check: raises where the member is not what the caller thinks.
        organization: id or slug.
        door: the way in, for a token's limits.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for ``teams.find``.
        NotFound: the user is not in it, too.
    """
    needed = OrganizationRole.MEMBER if names_self(principal, user) else OrganizationRole.ADMIN
    found = teams.find(
        principal, team, needed, action="delete", organization=organization, door=door
    )
    member = find_user(user)

    def work() -> None:
        row = _required_row(found, member)
        check(_view(row, summary_of(member)))
        rows_of(TeamMember).delete_one({"_id": row["_id"]})
        _record(principal, found, member, audit.AuditAction.TEAM_MEMBER_REMOVE)

    coherence.change(_tags(found, member), lambda: in_transaction(work))


def _set(principal: Principal, team: FoundTeam, member: User, edit: TeamRoleEdit) -> TeamMemberView:
    def work() -> TeamMemberView:
        serialize_changes(team.organization.id)
        row = _row(team.id, member.id)
        current = None if row is None else _view(row, summary_of(member))
        role = edit(current)
        if current is not None and current.role is role:
            return current
        _require_inside(team, member)
        _write(team.id, member.id, role, is_new=current is None)
        action = (
            audit.AuditAction.TEAM_MEMBER_ADD
            if current is None
            else audit.AuditAction.TEAM_MEMBER_UPDATE
        )
        _record(principal, team, member, action, role=role)
        return _view(_required_row(team, member), summary_of(member))

    return coherence.change(_tags(team, member), lambda: in_transaction(work))


def _require_inside(team: FoundTeam, member: User) -> None:
    """Make sure that the team is still there, and the user in its organization."""
    teams.require_there(team)
    inside = {"organization": team.organization.id, "user": member.id}
    if rows_of(Membership).find_one(inside) is None:
        raise UnprocessableInput(
            "A team is made of members of its organization.",
            {
                "/user": f"{member.username} is not a member of {team.organization.slug}. "
                "Make them one first."
            },
        )


def _write(team_id: ObjectId, user_id: ObjectId, role: TeamRole, *, is_new: bool) -> None:
    if is_new:
        TeamMember(team=team_id, user=user_id, role=role).save(force_insert=True)
    else:
        rows_of(TeamMember).update_one({"team": team_id, "user": user_id}, {"$set": {"role": role}})


def _tags(team: FoundTeam, member: User) -> set[str]:
    return {organization_tag(team.organization.id), user_tag(member.id)}


def _record(
    principal: Principal,
    team: FoundTeam,
    member: User,
    action: audit.AuditAction,
    **details: audit.Detail,
) -> None:
    audit.record(
        action,
        actor=principal.actor,
        resource=audit.Resource(type="user", id=str(member.id), name=member.username),
        organization=team.organization.slug,
        details={"team": team.slug, **details},
    )


def _row(team_id: ObjectId, user_id: ObjectId) -> Row | None:
    return rows_of(TeamMember).find_one({"team": team_id, "user": user_id})


def _required_row(team: FoundTeam, member: User) -> Row:
    row = _row(team.id, member.id)
    if row is None:
        raise NotFound(f"{member.username} is not in the team {team.slug}.")
    return row


def _views(rows: Sequence[Row]) -> list[TeamMemberView]:
    people = summaries(row["user"] for row in rows)
    return [_view(row, people[row["user"]]) for row in rows]


def _view(row: Row, user: UserSummary) -> TeamMemberView:
    return TeamMemberView(user=user, role=TeamRole(row["role"]), created_at=row["created_at"])
