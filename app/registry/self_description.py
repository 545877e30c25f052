"""What a caller is told about themselves."""

from __future__ import annotations

from dataclasses import dataclass

from app.auth import users
from app.auth.ids import read_id
from app.auth.limits import MANAGEMENT, require_account_use
from app.auth.principal import Principal
from app.errors import NotFound
from app.models import ApiToken, Membership, Organization, OrganizationRole
from app.models.rows import rows_of
from app.registry import accounts, token_management
from app.registry.accounts import AccountView
from app.registry.token_management import TokenView


@dataclass(frozen=True, kw_only=True)
class OwnOrganization:
    """An organization that somebody is in, and as what."""

    id: str
    slug: str
    display_name: str
    role: OrganizationRole


@dataclass(frozen=True, kw_only=True)
class SelfDescription:
    """Who is calling, and by what.

    Attributes:
        roles: on the platform as a whole.
        token, session_id: what is used to call; neither for a password.
    """

    user: AccountView
    organizations: tuple[OwnOrganization, ...]
    roles: tuple[str, ...]
    token: TokenView | None
    session_id: str | None


def describe_self(principal: Principal) -> SelfDescription:
    """Return what the caller is.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the token may not read here.
    """
    require_account_use(principal, door=MANAGEMENT, action="read")
    user = users.by_id(principal.user)
    if user is None:
        raise NotFound
    return SelfDescription(
        user=accounts.view_of(user),
        organizations=_organizations(principal),
        roles=("platform_admin",) if user.is_platform_admin else (),
        token=_token(principal),
        session_id=principal.session_id,
    )


def _organizations(principal: Principal) -> tuple[OwnOrganization, ...]:
    roles = {
        row["organization"]: OrganizationRole(row["role"])
        for row in rows_of(Membership).find({"user": principal.user})
    }
    rows = rows_of(Organization).find({"_id": {"$in": list(roles)}}).sort("slug", 1)
    return tuple(
        OwnOrganization(
            id=str(row["_id"]),
            slug=row["slug"],
            display_name=row.get("display_name") or "",
            role=roles[row["_id"]],
        )
        for row in rows
    )


def _token(principal: Principal) -> TokenView | None:
    if principal.token_id is None:
        return None
    token = ApiToken.objects(id=read_id(principal.token_id)).first()
    return None if token is None else token_management.view_of(token)
