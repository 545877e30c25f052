"""Who is in an organization, and as what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from bson import ObjectId

from app import access, audit
from app.auth.administration import record_denial
from app.auth.limits import MANAGEMENT
from app.auth.principal import Principal
from app.auth.users import user_tag
from app.errors import Conflict, Forbidden, NotFound
from app.extensions import coherence
from app.models import (
    Grant,
    GranteeType,
    Membership,
    OrganizationRole,
    Team,
    TeamMember,
    User,
    in_transaction,
)
from app.models.rows import rows_of
from app.registry import organizations
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
from app.registry.repositories import OrganizationFacts, organization_tag

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class MemberView:
    """One user in one organization."""

    user: UserSummary
    role: OrganizationRole
    created_at: datetime


RoleEdit = Callable[[MemberView | None], OrganizationRole]
"""Says what a user is to be, by what they are: none where they are no member yet."""


def list_members(
    principal: Principal, organization: str, page: PageRequest, *, door: str = MANAGEMENT
) -> Page[MemberView]:
    """Return an organization's members, the oldest account first.

    Args:
        principal: one of them.
        organization: id or slug.
        page: which part.
        door: the way in, for a token's limits.

    Raises:
        Unauthenticated, NotFound: as for ``organizations.find``.
        Forbidden: the caller is no member.
    """
    found = _find(principal, organization, OrganizationRole.MEMBER, "read", door)
    rows = find_page(rows_of(Membership), {"organization": found.id}, [("user", UP)], page)
    return rows.shown_as(_views)


def get_member(
    principal: Principal, organization: str, user: str, *, door: str = MANAGEMENT
) -> MemberView:
    """Return one member.

    Raises:
        NotFound: the user is none; otherwise as for :func:`list_members`.
    """
    found = _find(principal, organization, OrganizationRole.MEMBER, "read", door)
    member = find_user(user)
    row = _row(found.id, member.id)
    if row is None:
        raise NotFound(f"{member.username} is not a member of {found.slug}.")
    return _view(row, summary_of(member))


def add_member(
    principal: Principal,
    organization: str,
    user: str,
    role: OrganizationRole,
    *,
    door: str = MANAGEMENT,
) -> MemberView:
    """Make somebody a member.

    Args:
        principal: an owner or admin; only owners make owners.
        organization: id or slug.
        user: id, username or e-mail address.
        role: what they are to be.
        door: the way in, for a token's limits.

    Raises:
        Unauthenticated, NotFound: as for ``organizations.find``.
        Forbidden: the caller may not.
        UnprocessableInput: there is no such user.
        Conflict: they are a member already.
    """
    found = _find(principal, organization, OrganizationRole.ADMIN, "write", door)
    member = require_user(user, field="/user")

    def only_new(current: MemberView | None) -> OrganizationRole:
        if current is not None:
            raise Conflict(
                f"{member.username} is a member of {found.slug} already, as {current.role}."
            )
        return role

    return _set(principal, found, member, only_new)


def set_member(
    principal: Principal,
    organization: str,
    user: str,
    edit: RoleEdit,
    *,
    door: str = MANAGEMENT,
) -> MemberView:
    """Make somebody a member, or change what one is.

    Args:
        principal: an owner or admin; only owners make owners, or make them something else.
        organization: id or slug.
        user: id, username or e-mail address.
        edit: what they are to be.
        door: the way in, for a token's limits.

    Raises:
        Unauthenticated: as for ``organizations.find``.
        NotFound: likewise, and where there is no such user.
        Forbidden: the caller may not.
        Conflict: it is the last owner.
    """
    found = _find(principal, organization, OrganizationRole.ADMIN, "write", door)
    return _set(principal, found, find_active_user(user), edit)


def remove_member(
    principal: Principal,
    organization: str,
    user: str,
    *,
    check: Callable[[MemberView], None] = lambda _current: None,
    door: str = MANAGEMENT,
) -> None:
    """Take somebody out of an organization, its teams, and what they were granted in it.

    Args:
        principal: themselves, or an owner or admin; only owners remove owners.
        organization: id or slug.
        user: id, username or e-mail address.
        check: raises where the member is not what the caller thinks.
        door: the way in, for a token's limits.

    Raises:
        Unauthenticated: as for ``organizations.find``.
        NotFound: likewise, and where the user is no member.
        Forbidden: the caller may not.
        Conflict: it is the last owner.
    """
    needed = OrganizationRole.MEMBER if names_self(principal, user) else OrganizationRole.ADMIN
    found = _find(principal, organization, needed, "delete", door)
    member = find_user(user)

    def work() -> None:
        serialize_changes(found.id)
        row = _row(found.id, member.id)
        if row is None:
            raise NotFound(f"{member.username} is not a member of {found.slug}.")
        check(_view(row, summary_of(member)))
        if row["role"] == OrganizationRole.OWNER:
            if member.id != principal.user_id:
                _require_owner(principal, found)
            _require_another_owner(found, member)
        rows_of(Membership).delete_one({"_id": row["_id"]})
        _end_roles(found.id, member.id)
        _record(principal, found, member, audit.AuditAction.MEMBER_REMOVE)

    _change(principal, found, member, work)


def _find(
    principal: Principal,
    organization: str,
    needed: OrganizationRole,
    action: str,
    door: str,
) -> OrganizationFacts:
    found = organizations.find(principal, organization)
    access.require_organization(principal, found, needed, action=action, door=door)
    return found


def _set(
    principal: Principal, organization: OrganizationFacts, member: User, edit: RoleEdit
) -> MemberView:
    def work() -> MemberView:
        serialize_changes(organization.id)
        row = _row(organization.id, member.id)
        current = None if row is None else _view(row, summary_of(member))
        before = None if current is None else current.role
        role = edit(current)
        if current is not None and role is before:
            return current
        if OrganizationRole.OWNER in {before, role}:
            _require_owner(principal, organization)
        if before is OrganizationRole.OWNER:
            _require_another_owner(organization, member)
        _write(organization.id, member.id, before, role)
        action = audit.AuditAction.MEMBER_UPDATE if row else audit.AuditAction.MEMBER_ADD
        _record(principal, organization, member, action, role=role)
        changed = _row(organization.id, member.id)
        if changed is None:
            raise NotFound
        return _view(changed, summary_of(member))

    return _change(principal, organization, member, work)


def _change(
    principal: Principal, organization: OrganizationFacts, member: User, work: Callable[[], Result]
) -> Result:
    """Run ``work`` in a transaction behind a fence; a refusal within it is audited."""
    tags = {organization_tag(organization.id), user_tag(member.id)}
    try:
        return coherence.change(tags, lambda: in_transaction(work))
    except Forbidden as refusal:
        resource = audit.Resource(type="user", id=str(member.id), name=member.username)
        record_denial(principal, resource, "write", refusal, organization=organization.slug)
        raise


def _write(
    organization_id: ObjectId,
    user_id: ObjectId,
    before: OrganizationRole | None,
    role: OrganizationRole,
) -> None:
    if before is None:
        Membership(organization=organization_id, user=user_id, role=role).save(force_insert=True)
    else:
        rows_of(Membership).update_one(
            {"organization": organization_id, "user": user_id}, {"$set": {"role": role}}
        )


def _require_owner(principal: Principal, organization: OrganizationFacts) -> None:
    if access.organization_role(principal, organization.id) is not OrganizationRole.OWNER:
        raise Forbidden(f"Only owners of {organization.slug} make or remove owners.")


def _require_another_owner(organization: OrganizationFacts, member: User) -> None:
    """Refuse to leave an organization without an owner who can sign in."""
    others = rows_of(Membership).distinct(
        "user",
        {
            "organization": organization.id,
            "role": OrganizationRole.OWNER,
            "user": {"$ne": member.id},
        },
    )
    if User.objects(id__in=others, is_active=True).first() is None:
        raise Conflict(
            f"{member.username} is the last owner of {organization.slug}. "
            "Make somebody else an owner first."
        )


def _end_roles(organization_id: ObjectId, user_id: ObjectId) -> None:
    teams = rows_of(Team).distinct("_id", {"organization": organization_id})
    rows_of(TeamMember).delete_many({"team": {"$in": teams}, "user": user_id})
    rows_of(Grant).delete_many(
        {
            "organization": organization_id,
            "grantee_type": GranteeType.USER,
            "grantee": user_id,
        }
    )


def _record(
    principal: Principal,
    organization: OrganizationFacts,
    member: User,
    action: audit.AuditAction,
    **details: audit.Detail,
) -> None:
    audit.record(
        action,
        actor=principal.actor,
        resource=audit.Resource(type="user", id=str(member.id), name=member.username),
        organization=organization.slug,
        details=details,
    )


def _row(organization_id: ObjectId, user_id: ObjectId) -> Row | None:
    return rows_of(Membership).find_one({"organization": organization_id, "user": user_id})


def _views(rows: Sequence[Row]) -> list[MemberView]:
    people = summaries(row["user"] for row in rows)
    return [_view(row, people[row["user"]]) for row in rows]


def _view(row: Row, user: UserSummary) -> MemberView:
    return MemberView(user=user, role=OrganizationRole(row["role"]), created_at=row["created_at"])
