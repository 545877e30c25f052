"""What somebody may do in a repository, and which rules say so: for people to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.access.roles import Role
from app.access.rules import Rule, results
from app.models import Team
from app.models.rows import rows_of

if TYPE_CHECKING:
    from app.access.facts import RepositoryFacts
    from app.auth.principal import Principal


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One rule and the role that it gives; ``team`` is the slug where it is a team's."""

    rule: Rule
    role: Role
    team: str = ""


@dataclass(frozen=True, kw_only=True)
class ExplainedRole:
    """The highest role, and every rule that gives one, the strongest first."""

    role: Role
    reasons: tuple[Reason, ...]


def effective_role(principal: Principal, repository: RepositoryFacts) -> ExplainedRole:
    """Return somebody's role with its reasons.

    Args:
        principal: the caller, or another user by ``users.principal_of``. The limits of a
            token are left aside: they belong to the token, not to its owner.
        repository: on what.
    """
    found = results(principal, repository)
    team_ids = [one.team_id for one in found if one.team_id is not None]
    slugs = {
        row["_id"]: row["slug"]
        for row in rows_of(Team).find({"_id": {"$in": team_ids}}, {"slug": 1})
    }
    reasons = (
        Reason(rule=one.rule, role=one.role, team=slugs.get(one.team_id, "")) for one in found
    )
    ordered = tuple(sorted(reasons, key=lambda reason: reason.role, reverse=True))
    return ExplainedRole(role=ordered[0].role if ordered else Role.NONE, reasons=ordered)
