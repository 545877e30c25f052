"""What a caller may read or write on the whole platform: for searches and choices.

Not kept in memory: it would depend on every organization.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bson import ObjectId

from app.access.roles import Action, Role
from app.access.rules import granted, team_roles_of
from app.auth.principal import UNLIMITED
from app.models import (
    Grant,
    GranteeType,
    Membership,
    Organization,
    OrganizationRole,
    Repository,
    RepositoryKind,
    Visibility,
)
from app.models.rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from app.auth.principal import Principal

_ADMINISTERING = (OrganizationRole.OWNER, OrganizationRole.ADMIN)


@dataclass(frozen=True, kw_only=True)
class _Holdings:
    """What a user holds: organizations that they administer, and roles on repositories."""

    administered: frozenset[ObjectId]
    granted: dict[ObjectId, Role]

    def at_least(self, role: Role) -> list[ObjectId]:
        return [repository for repository, held in self.granted.items() if held >= role]


def readable_repository_ids(
    principal: Principal, *, door: str | None = None, among: Mapping[str, Any] | None = None
) -> frozenset[ObjectId]:
    """Return every repository that the caller may read, within their token's limits.

    Args:
        principal: who asks.
        door: the way in, where it is not each repository's own protocol.
        among: what holds of those that are wanted; MongoDB's filter.
    """
    wanted = _within_limits(principal, Action.READ, door)
    if wanted is None or principal.limits.packages:
        return frozenset()  # A token limited to packages has no repository as a whole.
    every = [wanted] if among is None else [wanted, among]
    if not principal.is_platform_admin:
        every.append({"$or": list(_readable(principal))})
    rows = rows_of(Repository).find({"$and": every}, {"_id": 1})
    return frozenset(row["_id"] for row in rows)


def reads_everything(principal: Principal) -> bool:
    """Say whether there is no repository that the caller may not read."""
    return principal.is_platform_admin and principal.limits == UNLIMITED


def administered_organization_ids(principal: Principal) -> frozenset[ObjectId]:
    """Return the organizations that the caller is an owner or admin of."""
    rows = rows_of(Membership).find(
        {"user": principal.user_id, "role": {"$in": list(_ADMINISTERING)}}, {"organization": 1}
    )
    return frozenset(row["organization"] for row in rows)


def organizations_writable_by(principal: Principal, protocol: str) -> frozenset[ObjectId]:
    """Return the organizations in which the caller may publish packages of a protocol.

    That is where they may publish to a hosted repository of it, or administer the
    organization, so that one would be made for them; always within their token's limits.
    """
    wanted = _within_limits(principal, Action.PUBLISH, protocol)
    if principal.user_id is None or wanted is None:
        return frozenset()
    if principal.is_platform_admin:
        organizations = frozenset(row["_id"] for row in rows_of(Organization).find({}, {"_id": 1}))
    else:
        holdings = _holdings(principal.user_id)
        rows = rows_of(Repository).find(
            {
                "_id": {"$in": holdings.at_least(Role.DEVELOPER)},
                "protocol": protocol,
                "kind": RepositoryKind.HOSTED,
            },
            {"organization": 1},
        )
        organizations = holdings.administered | {row["organization"] for row in rows}
    bound = principal.limits.organizations
    return frozenset(one for one in organizations if not bound or str(one) in bound)


def _readable(principal: Principal) -> Iterable[dict[str, Any]]:  # MongoDB conditions
    if principal.user_id is None:
        yield {"visibility": Visibility.PUBLIC}
        return
    holdings = _holdings(principal.user_id)
    yield {"visibility": {"$in": [Visibility.PUBLIC, Visibility.INTERNAL]}}
    yield {"organization": {"$in": list(holdings.administered)}}
    yield {"_id": {"$in": holdings.at_least(Role.READER)}}


def _within_limits(principal: Principal, action: Action, door: str | None) -> dict[str, Any] | None:
    """Return the condition that a token's limits make; none where nothing is within them.

    A limit to packages is left aside: it says nothing of repositories.
    """
    own = principal.limits
    if own.actions and action.token_action not in own.actions:
        return None
    condition: dict[str, Any] = {}
    if own.organizations:
        condition["organization"] = {"$in": [ObjectId(one) for one in own.organizations]}
    if own.protocols and door is None:
        condition["protocol"] = {"$in": list(own.protocols)}
    elif own.protocols and door not in own.protocols:
        return None
    return condition


def _holdings(user_id: ObjectId) -> _Holdings:
    memberships = {
        row["organization"]: OrganizationRole(row["role"])
        for row in rows_of(Membership).find({"user": user_id})
    }
    team_roles = team_roles_of(user_id)
    roles: dict[ObjectId, Role] = {}
    for row in rows_of(Grant).find(
        {
            "$or": [
                {"grantee_type": GranteeType.USER, "grantee": user_id},
                {"grantee_type": GranteeType.TEAM, "grantee": {"$in": list(team_roles)}},
            ]
        }
    ):
        if row["grantee_type"] == GranteeType.TEAM and row["organization"] not in memberships:
            continue  # Teams count for members of their organization only; see ``rules``.
        role = granted(row, team_roles)
        roles[row["repository"]] = max(role, roles.get(row["repository"], Role.NONE))
    return _Holdings(
        administered=frozenset(one for one, role in memberships.items() if role in _ADMINISTERING),
        granted=roles,
    )
