"""Who may do what to a package, and which packages somebody may work on.

Roles belong to repositories; these lists show them as package clients ask for them.
"""

from __future__ import annotations

from collections.abc import Iterable

from bson import ObjectId

from app import access
from app.access import Action, RepositoryFacts, Role
from app.access.rules import TEAM_ROLES, granted
from app.auth.principal import Principal
from app.models import (
    Grant,
    GranteeType,
    Membership,
    OrganizationRole,
    Package,
    TeamMember,
    TeamRole,
    User,
)
from app.models.rows import rows_of
from app.registry.repositories import OrganizationFacts
from app.registry.resolution import PackageRef


def collaborators(principal: Principal, package: PackageRef) -> dict[str, Role]:
    """Return everyone with a role on a package's repository, by username.

    Raises:
        Forbidden: the caller may only read it.
    """
    access.require(principal, Action.PUBLISH, package.repository, package=package.name.normal)
    roles: dict[ObjectId, Role] = {}
    for user, role in (
        *_administrators(package.repository),
        *_granted(package.repository),
    ):
        roles[user] = max(role, roles.get(user, Role.NONE))
    found = rows_of(User).find({"_id": {"$in": list(roles)}, "is_active": True}, {"username": 1})
    return {row["username"]: roles[row["_id"]] for row in found.sort("username", 1)}


def packages_in(
    principal: Principal, organization: OrganizationFacts, protocol: str
) -> dict[str, Role]:
    """Return the packages of an organization that the caller may read, with their role."""
    roles = {
        one.id: access.role_on(principal, one)
        for one in organization.of(protocol)
        if access.may(principal, Action.READ, one, door=protocol)
    }
    return _named(roles, {})


def packages_of_team(
    principal: Principal, team_id: ObjectId, organization: OrganizationFacts, protocol: str
) -> dict[str, Role]:
    """Return what a team's members may work on, as far as the caller may read it."""
    held = {
        row["repository"]: granted(row, {team_id: TEAM_ROLES[TeamRole.MEMBER]})
        for row in rows_of(Grant).find({"grantee_type": GranteeType.TEAM, "grantee": team_id})
    }
    roles = {
        one.id: held[one.id]
        for one in organization.of(protocol)
        if one.id in held and access.may(principal, Action.READ, one, door=protocol)
    }
    return _named(roles, {})


def packages_of_user(principal: Principal, user_id: ObjectId, protocol: str) -> dict[str, Role]:
    """Return the packages that a user owns, as far as the caller may read them."""
    readable = access.readable_repository_ids(principal)
    return _named(
        dict.fromkeys(readable, Role.DEVELOPER), {"owners": user_id, "protocol": protocol}
    )


def _named(roles: dict[ObjectId, Role], where: dict[str, object]) -> dict[str, Role]:
    found = rows_of(Package).find(
        {
            **where,
            "repository": {"$in": list(roles)},
            "deleted_at": None,
        },
        {"display_name": 1, "repository": 1},
    )
    return {row["display_name"]: roles[row["repository"]] for row in found.sort("name", 1)}


def _administrators(repository: RepositoryFacts) -> Iterable[tuple[ObjectId, Role]]:
    found = rows_of(Membership).find(
        {
            "organization": repository.organization_id,
            "role": {"$in": [OrganizationRole.OWNER, OrganizationRole.ADMIN]},
        },
        {"user": 1},
    )
    return ((row["user"], Role.ADMIN) for row in found)


def _granted(repository: RepositoryFacts) -> Iterable[tuple[ObjectId, Role]]:
    for grant in rows_of(Grant).find({"repository": repository.id}):
        if grant["grantee_type"] == GranteeType.USER:
            yield grant["grantee"], granted(grant, {})
            continue
        for member in rows_of(TeamMember).find({"team": grant["grantee"]}):
            role = TEAM_ROLES[TeamRole(member["role"])]
            yield member["user"], granted(grant, {grant["grantee"]: role})
