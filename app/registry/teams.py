"""Teams: groups of an organization's members that are granted repositories together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId
from mongoengine import NotUniqueError

from app import access, audit
from app.auth.limits import MANAGEMENT
from app.auth.principal import Principal
from app.errors import Conflict, NotFound, Unauthenticated
from app.extensions import coherence
from app.models import (
    Grant,
    GranteeType,
    OrganizationRole,
    Team,
    TeamMember,
    in_transaction,
)
from app.models.fields import now
from app.models.rows import rows_of
from app.registry import organizations
from app.registry.listing import UP, Page, PageRequest, Row, find_page
from app.registry.people import serialize_changes
from app.registry.repositories import OrganizationFacts, organization_by_id, organization_tag
from app.registry.slugs import require_slug


@dataclass(frozen=True, kw_only=True)
class TeamContent:
    """What a team is to be."""

    slug: str
    display_name: str = ""
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class TeamView:
    """A team as it is shown; ``organization`` is the slug."""

    id: str
    organization_id: str
    organization: str
    slug: str
    display_name: str
    description: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class FoundTeam:
    """A team that the caller may act on, and the organization that it belongs to."""

    id: ObjectId
    slug: str
    organization: OrganizationFacts

    @property
    def resource(self) -> audit.Resource:
        """Return what the audit says was acted on."""
        return audit.Resource(
            type="team", id=str(self.id), name=f"{self.organization.slug}/{self.slug}"
        )


TeamEdit = Callable[[TeamView], TeamContent]


def find(
    principal: Principal,
    team: str,
    needed: OrganizationRole,
    *,
    action: str,
    organization: str | None = None,
    door: str = MANAGEMENT,
) -> FoundTeam:
    """Return a team, for a caller who may do this in its organization.

    Args:
        principal: who asks.
        team: its id, or its slug where the organization is named.
        needed: the least role in the organization.
        action: ``read``, ``write`` or ``delete``, for a token's limits.
        organization: id or slug.
        door: the way in, for a token's limits.

    Raises:
        Unauthenticated: nobody is signed in.
        NotFound: there is none, or the caller is not in its organization.
        Forbidden: the caller has a lower role.
    """
    if principal.is_anonymous:
        raise Unauthenticated
    found = _by_id(team) if organization is None else _by_slug(principal, organization, team)
    if access.organization_role(principal, found.organization.id) is None:
        raise NotFound  # Who may see the organization need not know what teams it has.
    access.require_organization(principal, found.organization, needed, action=action, door=door)
    return found


def list_teams(
    principal: Principal, organization: str, page: PageRequest, *, door: str = MANAGEMENT
) -> Page[TeamView]:
    """Return an organization's teams, by slug.

    Raises:
        Unauthenticated, NotFound: as for ``organizations.find``.
        Forbidden: the caller is no member of it.
    """
    found = organizations.find(principal, organization)
    access.require_organization(principal, found, OrganizationRole.MEMBER, action="read", door=door)
    rows = find_page(rows_of(Team), {"organization": found.id}, [("slug", UP)], page)
    return rows.shown_as(lambda some: _views(some, found))


def create_team(
    principal: Principal, organization: str, content: TeamContent, *, door: str = MANAGEMENT
) -> TeamView:
    """Make a team without members.

    Args:
        principal: an owner or admin of the organization.
        organization: id or slug.
        content: what it is to be.
        door: the way in, for a token's limits.

    Raises:
        Unauthenticated, NotFound: as for ``organizations.find``.
        Forbidden: the caller may not.
        UnprocessableInput: the slug is not acceptable.
        Conflict: the slug is taken in this organization.
    """
    found = organizations.find(principal, organization)
    access.require_organization(principal, found, OrganizationRole.ADMIN, action="write", door=door)
    require_slug(content.slug, field="/slug")
    team_id = ObjectId()

    def work() -> TeamView:
        row = Team(id=team_id, organization=found.id)
        _save(row, content)
        team = FoundTeam(id=team_id, slug=content.slug, organization=found)
        record(principal, team, audit.AuditAction.TEAM_CREATE)
        return _view(row.to_mongo(), found)

    return coherence.change({organization_tag(found.id)}, lambda: in_transaction(work))


def get_team(
    principal: Principal, team: str, *, organization: str | None = None, door: str = MANAGEMENT
) -> TeamView:
    """Return a team.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for :func:`find`.
    """
    found = find(
        principal,
        team,
        OrganizationRole.MEMBER,
        action="read",
        organization=organization,
        door=door,
    )
    return _view(_row(found.id), found.organization)


def update_team(
    principal: Principal, team: str, edit: TeamEdit, *, door: str = MANAGEMENT
) -> TeamView:
    """Change a team.

    Args:
        principal: an owner or admin of its organization.
        team: id.
        edit: says what is to become of it, by what it is.
        door: the way in, for a token's limits.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for :func:`find`.
        UnprocessableInput: the slug is not acceptable.
        Conflict: the slug is taken in this organization.
    """
    found = find(principal, team, OrganizationRole.ADMIN, action="write", door=door)

    def work() -> TeamView:
        content = edit(_view(_row(found.id), found.organization))
        require_slug(content.slug, field="/slug")
        row = Team.objects(id=found.id).get()
        _save(row, content)
        record(principal, found, audit.AuditAction.TEAM_UPDATE)
        return _view(row.to_mongo(), found.organization)

    return coherence.change({organization_tag(found.organization.id)}, lambda: in_transaction(work))


def delete_team(
    principal: Principal,
    team: str,
    *,
    check: Callable[[TeamView], None] = lambda _current: None,
    organization: str | None = None,
    door: str = MANAGEMENT,
) -> None:
    """Remove a team, its memberships, and what it was granted.

    Args:
        principal: an owner or admin of its organization.
        team: its id, or its slug where the organization is named.
        check: raises where the team is not what the caller thinks.
        organization: id or slug.
        door: the way in, for a token's limits.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for :func:`find`.
    """
    found = find(
        principal,
        team,
        OrganizationRole.ADMIN,
        action="delete",
        organization=organization,
        door=door,
    )

    def work() -> None:
        serialize_changes(found.organization.id)
        check(_view(_row(found.id), found.organization))
        rows_of(TeamMember).delete_many({"team": found.id})
        rows_of(Grant).delete_many({"grantee_type": GranteeType.TEAM, "grantee": found.id})
        rows_of(Team).delete_one({"_id": found.id})
        record(principal, found, audit.AuditAction.TEAM_DELETE)

    coherence.change({organization_tag(found.organization.id)}, lambda: in_transaction(work))


def require_there(team: FoundTeam) -> None:
    """Make sure, within a transaction, that a team was not deleted meanwhile.

    Raises:
        NotFound: it was.
    """
    _row(team.id)


def record(
    principal: Principal, team: FoundTeam, action: audit.AuditAction, **details: audit.Detail
) -> None:
    """Record what was done to a team; called within the transaction that does it."""
    audit.record(
        action,
        actor=principal.actor,
        resource=team.resource,
        organization=team.organization.slug,
        details=details,
    )


def _by_id(team: str) -> FoundTeam:
    row = rows_of(Team).find_one({"_id": ObjectId(team)}) if ObjectId.is_valid(team) else None
    organization = None if row is None else organization_by_id(row["organization"])
    if row is None or organization is None:
        raise NotFound
    return FoundTeam(id=row["_id"], slug=row["slug"], organization=organization)


def _by_slug(principal: Principal, organization: str, slug: str) -> FoundTeam:
    found = organizations.find(principal, organization)
    row = rows_of(Team).find_one({"organization": found.id, "slug": slug})
    if row is None:
        raise NotFound(f"{found.slug} has no team {slug}.")
    return FoundTeam(id=row["_id"], slug=row["slug"], organization=found)


def _save(row: Team, content: TeamContent) -> None:
    row.slug = content.slug
    row.display_name = content.display_name
    row.description = content.description
    row.updated_at = now()
    try:
        row.save()
    except NotUniqueError as error:
        raise Conflict(f"There is a team {content.slug} already. Choose another name.") from error


def _row(team_id: ObjectId) -> Row:
    row = rows_of(Team).find_one({"_id": team_id})
    if row is None:
        raise NotFound
    return row


def _views(rows: Sequence[Row], organization: OrganizationFacts) -> list[TeamView]:
    return [_view(row, organization) for row in rows]


def _view(row: Row, organization: OrganizationFacts) -> TeamView:
    return TeamView(
        id=str(row["_id"]),
        organization_id=str(organization.id),
        organization=organization.slug,
        slug=row["slug"],
        display_name=row.get("display_name") or "",
        description=row.get("description") or "",
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
