"""What a caller may know of an organization, and do to it as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from app import audit
from app.access.rules import organization_role_of
from app.auth import limits
from app.auth.administration import record_denial
from app.auth.users import user_tag
from app.errors import Forbidden, NotFound, RegistryError, Unauthenticated
from app.extensions import coherence
from app.models import Grant, GranteeType, OrganizationRole, Repository, Visibility

if TYPE_CHECKING:
    from bson import ObjectId

    from app.auth.principal import Principal

_LADDER = (OrganizationRole.MEMBER, OrganizationRole.ADMIN, OrganizationRole.OWNER)


class OrganizationIdentity(Protocol):
    """What deciding needs to know of an organization; its row and its facts both have it."""

    @property
    def id(self) -> ObjectId:
        """What its rows refer to."""

    @property
    def slug(self) -> str:
        """What people call it by."""


def organization_role(principal: Principal, organization_id: ObjectId) -> OrganizationRole | None:
    """Return what a caller may do in an organization; none for those who are not in it.

    A platform admin may what an owner may.
    """
    if principal.is_platform_admin:
        return OrganizationRole.OWNER
    user_id = principal.user_id
    if user_id is None:
        return None

    def load() -> OrganizationRole | None:
        coherence.depends_on(user_tag(user_id), f"org:{organization_id}")
        return organization_role_of(user_id, organization_id)

    return coherence.cached(("organization-role", user_id, organization_id), load)


def may_see_organization(principal: Principal, organization_id: ObjectId) -> bool:
    """Say whether a caller may know of an organization.

    Members may, platform admins, and whoever may read something in it.
    """
    if organization_role(principal, organization_id) is not None:
        return True
    user_id = principal.user_id

    def load() -> bool:
        coherence.depends_on(f"org:{organization_id}")
        if user_id is not None:
            coherence.depends_on(user_tag(user_id))
        return _reads_something(user_id, organization_id)

    return coherence.cached(("organization-visible", user_id, organization_id), load)


def require_organization(
    principal: Principal,
    organization: OrganizationIdentity,
    needed: OrganizationRole | None,
    *,
    action: str,
    door: str = limits.MANAGEMENT,
) -> None:
    """Make sure that a caller may act on an organization as a whole; a refusal is audited.

    Args:
        principal: who asks.
        organization: on what.
        needed: the least role; none where it is enough to know of the organization.
        action: ``read``, ``write`` or ``delete``, for a token's limits.
        door: the way in that a token must be good for.

    Raises:
        Unauthenticated: anonymous, and anonymous callers may not.
        NotFound: the caller may not know of it.
        Forbidden: a higher role is needed, or it is outside the token's limits.
    """
    refusal = _refusal(principal, organization, needed, action, door)
    if refusal is None:
        return
    resource = audit.Resource(type="organization", id=str(organization.id), name=organization.slug)
    record_denial(principal, resource, action, refusal, organization=organization.slug)
    raise refusal


def _refusal(
    principal: Principal,
    organization: OrganizationIdentity,
    needed: OrganizationRole | None,
    action: str,
    door: str,
) -> RegistryError | None:
    if not may_see_organization(principal, organization.id):
        return Unauthenticated() if principal.is_anonymous else NotFound()
    own = principal.limits
    limit = (
        limits.why_outside(own, door=door, action=action)
        or limits.why_outside_organization(own, organization.id)
        or limits.why_outside_packages(own, None)
    )
    if limit is not None:
        return Forbidden(limit)
    if needed is None:
        return None
    if principal.is_anonymous:
        return Unauthenticated()
    role = organization_role(principal, organization.id)
    if role is not None and _LADDER.index(role) >= _LADDER.index(needed):
        return None
    return Forbidden(
        f"This needs the role {needed} in {organization.slug}; "
        f"{'you are not a member' if role is None else f'yours is {role}'}."
    )


def _reads_something(user_id: ObjectId | None, organization_id: ObjectId) -> bool:
    """Say whether somebody who is not in an organization may read something in it."""
    open_to = [Visibility.PUBLIC] if user_id is None else [Visibility.PUBLIC, Visibility.INTERNAL]
    if Repository.objects(organization=organization_id, visibility__in=open_to).first():
        return True
    if user_id is None:
        return False
    grants = Grant.objects(
        grantee_type=GranteeType.USER, grantee=user_id, organization=organization_id
    )
    return grants.first() is not None
