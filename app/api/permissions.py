"""``/repositories/{repository}/permissions``."""

from __future__ import annotations

from dataclasses import dataclass

from marshmallow import fields

from app.access import Role, Rule
from app.api.edits import Check, Edit
from app.api.resource import Resource
from app.api.schemas import WITHOUT_NUL, Content, Moment, Strict, UserSummarySchema
from app.auth.current import current_principal
from app.models import GranteeType, RepositoryRole
from app.registry import grants
from app.registry.grants import EffectiveRole, GrantView
from app.registry.listing import Page, PageRequest

resource = Resource("permissions", "Who is granted what on a repository, and what that comes to.")


@dataclass(frozen=True, kw_only=True)
class UserGrant:
    """What a user is to be granted."""

    role: RepositoryRole


@dataclass(frozen=True, kw_only=True)
class TeamGrant:
    """What a team is to be granted: at most this; none for what its members' roles give."""

    role: RepositoryRole | None = None


@dataclass(frozen=True, kw_only=True)
class WhoseRole:
    """Whose role is asked for; none for one's own."""

    user: str | None


class UserGrantSchema(Content):
    """What a user is to be granted."""

    makes = UserGrant

    role = fields.Enum(RepositoryRole, by_value=True, required=True)


class TeamGrantSchema(Content):
    """What a team is to be granted."""

    makes = TeamGrant

    role = fields.Enum(
        RepositoryRole,
        by_value=True,
        load_default=None,
        allow_none=True,
        metadata={
            "description": "The most that its members get. Without it a member is a developer, and "
            "a maintainer of the team a maintainer."
        },
    )


class GranteeSchema(Strict):
    """Who a grant is for."""

    type = fields.Enum(GranteeType, by_value=True, required=True)
    id = fields.String(required=True)
    name = fields.String(
        required=True, metadata={"description": "The username, or the team's slug."}
    )


class GrantSchema(Strict):
    """A grant."""

    grantee = fields.Nested(GranteeSchema, required=True)
    role = fields.Enum(RepositoryRole, by_value=True, required=True, allow_none=True)
    created_at = Moment(required=True)


class WhoseRoleQuery(Content):
    """Whose role is asked for."""

    makes = WhoseRole

    user = fields.String(
        load_default=None,
        validate=WITHOUT_NUL,
        metadata={"description": "An id, a username or an e-mail address; you, without it."},
    )


class LowerCaseRole(fields.Field[Role]):
    """A step of the role ladder, by its name."""

    def _serialize(
        self, value: Role | None, attr: str | None, obj: object, **kwargs: object
    ) -> str | None:
        del attr, obj, kwargs
        return None if value is None else value.name.lower()


class ReasonSchema(Strict):
    """One rule that gives a role."""

    rule = fields.Enum(Rule, by_value=True, required=True)
    role = LowerCaseRole(required=True)
    team = fields.String(
        required=True, metadata={"description": "The team's slug, where it is a team's."}
    )


class EffectiveRoleSchema(Strict):
    """What somebody may do, and why: every rule that gives something, the strongest first."""

    user = fields.Nested(UserSummarySchema, required=True)
    role = LowerCaseRole(required=True, attribute="explained.role")
    reasons = fields.List(fields.Nested(ReasonSchema), required=True, attribute="explained.reasons")


@resource.list("/repositories/<repository>/permissions", item=GrantSchema)
def list_permissions(page: PageRequest, repository: str) -> Page[GrantView]:
    """List who is granted what on a repository."""
    return grants.list_grants(current_principal(), repository, page)


@resource.read(
    "/repositories/<repository>/permissions/effective",
    answer=EffectiveRoleSchema,
    query=WhoseRoleQuery,
)
def get_effective_permission(wanted: WhoseRole, repository: str) -> EffectiveRole:
    """Get what somebody may do in a repository, and which rules say so."""
    return grants.effective_role(current_principal(), repository, wanted.user)


@resource.edit(
    "/repositories/<repository>/permissions/users/<user>",
    content=UserGrantSchema,
    answer=GrantSchema,
    patchable=False,
)
def set_user_permission(edit: Edit[GrantView, UserGrant], repository: str, user: str) -> GrantView:
    """Give a user a role on a repository."""
    return grants.grant_user(
        current_principal(), repository, user, lambda current: edit(current).role
    )


@resource.delete("/repositories/<repository>/permissions/users/<user>", shown_as=GrantSchema)
def remove_user_permission(check: Check[GrantView], repository: str, user: str) -> None:
    """Take from a user what they were granted on a repository."""
    grants.revoke_user(current_principal(), repository, user, check=check)


@resource.edit(
    "/repositories/<repository>/permissions/teams/<team>",
    content=TeamGrantSchema,
    answer=GrantSchema,
    patchable=False,
)
def set_team_permission(edit: Edit[GrantView, TeamGrant], repository: str, team: str) -> GrantView:
    """Give a team a repository."""
    return grants.grant_team(
        current_principal(), repository, team, lambda current: edit(current).role
    )


@resource.delete("/repositories/<repository>/permissions/teams/<team>", shown_as=GrantSchema)
def remove_team_permission(check: Check[GrantView], repository: str, team: str) -> None:
    """Take a repository from a team."""
    grants.revoke_team(current_principal(), repository, team, check=check)
