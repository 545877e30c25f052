"""Which rules give somebody a role on a repository (API, "Roles"); the highest wins.

What a user holds in an organization is read from the database and kept in memory under
the tags of the user and the organization. What follows from the repository's visibility
and from being a platform admin costs nothing and is added each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from app.access.roles import Role
from app.auth.users import user_tag
from app.extensions import coherence
from app.models import (
    Grant,
    GranteeType,
    Membership,
    OrganizationRole,
    RepositoryRole,
    TeamMember,
    TeamRole,
    Visibility,
)
from app.models.rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bson import ObjectId

    from app.access.facts import RepositoryFacts
    from app.auth.principal import Principal


class Rule(StrEnum):
    """Why somebody has a role."""

    PUBLIC = "public"
    INTERNAL = "internal"
    GRANT = "grant"
    TEAM = "team"
    ORGANIZATION_ADMIN = "organization_admin"
    ORGANIZATION_OWNER = "organization_owner"
    PLATFORM_ADMIN = "platform_admin"


@dataclass(frozen=True, kw_only=True)
class RuleResult:
    """A role, the rule that gives it, and the team where it is a team's."""

    role: Role
    rule: Rule
    team_id: ObjectId | None = None


TEAM_ROLES = {TeamRole.MEMBER: Role.DEVELOPER, TeamRole.MAINTAINER: Role.MAINTAINER}

_ADMINISTERING = {
    OrganizationRole.OWNER: Rule.ORGANIZATION_OWNER,
    OrganizationRole.ADMIN: Rule.ORGANIZATION_ADMIN,
}


def role_on(principal: Principal, repository: RepositoryFacts) -> Role:
    """Return the highest role of a caller on a repository, whatever their token's limits."""
    return max((one.role for one in results(principal, repository)), default=Role.NONE)


def results(principal: Principal, repository: RepositoryFacts) -> tuple[RuleResult, ...]:
    """Return what every rule gives; those that give nothing are left out."""
    general = _from_visibility(principal, repository)
    if principal.user_id is None:
        return general
    if principal.is_platform_admin:
        general += (RuleResult(role=Role.ADMIN, rule=Rule.PLATFORM_ADMIN),)
    return general + _held(principal.user_id, repository)


def organization_role_of(user_id: ObjectId, organization_id: ObjectId) -> OrganizationRole | None:
    """Read what a member may in an organization; none for others."""
    row = rows_of(Membership).find_one(
        {"organization": organization_id, "user": user_id}, {"role": 1}
    )
    return None if row is None else OrganizationRole(row["role"])


def team_roles_of(user_id: ObjectId) -> dict[ObjectId, Role]:
    """Read what a user may on the repositories of each of their teams."""
    rows = rows_of(TeamMember).find({"user": user_id}, {"team": 1, "role": 1})
    return {row["team"]: TEAM_ROLES[TeamRole(row["role"])] for row in rows}


def granted(row: Mapping[str, Any], team_roles: Mapping[ObjectId, Role]) -> Role:
    """Return what a grant's row gives; a team's grant may lower what the team role gives."""
    role = row.get("role")
    named = None if role is None else Role.named(RepositoryRole(role))
    if row["grantee_type"] == GranteeType.USER:
        return named or Role.NONE
    of_team = team_roles.get(row["grantee"], Role.NONE)
    return of_team if named is None else min(of_team, named)


def _from_visibility(principal: Principal, repository: RepositoryFacts) -> tuple[RuleResult, ...]:
    if repository.visibility is Visibility.PUBLIC:
        return (RuleResult(role=Role.READER, rule=Rule.PUBLIC),)
    if repository.visibility is Visibility.INTERNAL and not principal.is_anonymous:
        return (RuleResult(role=Role.READER, rule=Rule.INTERNAL),)
    return ()


def _held(user_id: ObjectId, repository: RepositoryFacts) -> tuple[RuleResult, ...]:
    def load() -> tuple[RuleResult, ...]:
        coherence.depends_on(user_tag(user_id), f"org:{repository.organization_id}")
        return _read_held(user_id, repository)

    return coherence.cached(("role", user_id, repository.id), load)


def _read_held(user_id: ObjectId, repository: RepositoryFacts) -> tuple[RuleResult, ...]:
    """Read what a user holds: their membership, their teams, and the grants to either.

    A team counts for members of its organization only: who left it has no way back in,
    even if they were put into a team at that very moment.
    """
    found: list[RuleResult] = []
    membership = organization_role_of(user_id, repository.organization_id)
    if membership in _ADMINISTERING:
        found.append(RuleResult(role=Role.ADMIN, rule=_ADMINISTERING[membership]))
    team_roles = {} if membership is None else team_roles_of(user_id)
    for row in rows_of(Grant).find(
        {
            "repository": repository.id,
            "$or": [
                {"grantee_type": GranteeType.USER, "grantee": user_id},
                {"grantee_type": GranteeType.TEAM, "grantee": {"$in": list(team_roles)}},
            ],
        }
    ):
        is_team = row["grantee_type"] == GranteeType.TEAM
        found.append(
            RuleResult(
                role=granted(row, team_roles),
                rule=Rule.TEAM if is_team else Rule.GRANT,
                team_id=row["grantee"] if is_team else None,
            )
        )
    return tuple(found)
