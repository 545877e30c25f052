"""``/teams``, their members, and an organization's teams."""

from __future__ import annotations

from dataclasses import dataclass

from marshmallow import fields

from app.api.edits import Check, Edit
from app.api.resource import Resource
from app.api.schemas import LONGEST_NAME, SLUG, Content, Moment, Strict, UserSummarySchema, text
from app.auth.current import current_principal
from app.models import TeamRole
from app.registry import team_members, teams
from app.registry.listing import Page, PageRequest
from app.registry.team_members import TeamMemberView
from app.registry.teams import TeamContent, TeamView

resource = Resource("teams", "Groups of an organization's members, and who is in them.")


@dataclass(frozen=True, kw_only=True)
class NewTeamMember:
    """Somebody to be put into a team; ``user`` is an id, a username or an e-mail address."""

    user: str
    role: TeamRole


@dataclass(frozen=True, kw_only=True)
class TeamMemberContent:
    """What somebody is to be in a team."""

    role: TeamRole


class TeamContentSchema(Content):
    """What a team is to be."""

    makes = TeamContent

    slug = fields.String(required=True, metadata=SLUG)
    display_name = text(longest=LONGEST_NAME, load_default="")
    description = text(load_default="")


class TeamSchema(Strict):
    """A team."""

    id = fields.String(required=True)
    organization_id = fields.String(required=True)
    organization = fields.String(required=True, metadata={"description": "Its slug."})
    slug = fields.String(required=True)
    display_name = fields.String(required=True)
    description = fields.String(required=True)
    created_at = Moment(required=True)
    updated_at = Moment(required=True)


class NewTeamMemberSchema(Content):
    """Somebody to be put into a team."""

    makes = NewTeamMember

    user = fields.String(
        required=True, metadata={"description": "An id, a username or an e-mail address."}
    )
    role = fields.Enum(TeamRole, by_value=True, load_default=TeamRole.MEMBER)


class TeamMemberContentSchema(Content):
    """What somebody is to be in a team."""

    makes = TeamMemberContent

    role = fields.Enum(TeamRole, by_value=True, required=True)


class TeamMemberSchema(Strict):
    """Somebody in a team."""

    user = fields.Nested(UserSummarySchema, required=True)
    role = fields.Enum(TeamRole, by_value=True, required=True)
    created_at = Moment(required=True)


@resource.list("/organizations/<organization>/teams", item=TeamSchema)
def list_teams(page: PageRequest, organization: str) -> Page[TeamView]:
    """List an organization's teams."""
    return teams.list_teams(current_principal(), organization, page)


@resource.create(
    "/organizations/<organization>/teams",
    body=TeamContentSchema,
    answer=TeamSchema,
    location="/api/v1/teams/{id}",
)
def create_team(content: TeamContent, organization: str) -> TeamView:
    """Create a team."""
    return teams.create_team(current_principal(), organization, content)


@resource.read("/teams/<team>", answer=TeamSchema)
def get_team(team: str) -> TeamView:
    """Get a team."""
    return teams.get_team(current_principal(), team)


@resource.edit("/teams/<team>", content=TeamContentSchema, answer=TeamSchema)
def update_team(edit: Edit[TeamView, TeamContent], team: str) -> TeamView:
    """Change a team."""
    return teams.update_team(current_principal(), team, edit)


@resource.delete("/teams/<team>", shown_as=TeamSchema)
def delete_team(check: Check[TeamView], team: str) -> None:
    """Delete a team, with what it was granted."""
    teams.delete_team(current_principal(), team, check=check)


@resource.list("/teams/<team>/members", item=TeamMemberSchema)
def list_team_members(page: PageRequest, team: str) -> Page[TeamMemberView]:
    """List who is in a team."""
    return team_members.list_members(current_principal(), team, page)


@resource.create(
    "/teams/<team>/members",
    body=NewTeamMemberSchema,
    answer=TeamMemberSchema,
    location="/api/v1/teams/{team}/members/{user[username]}",
)
def add_team_member(new: NewTeamMember, team: str) -> TeamMemberView:
    """Put a member of the organization into a team."""
    return team_members.add_member(current_principal(), team, new.user, new.role)


@resource.read("/teams/<team>/members/<user>", answer=TeamMemberSchema)
def get_team_member(team: str, user: str) -> TeamMemberView:
    """Get what somebody is in a team."""
    return team_members.get_member(current_principal(), team, user)


@resource.edit(
    "/teams/<team>/members/<user>",
    content=TeamMemberContentSchema,
    answer=TeamMemberSchema,
    patchable=False,
)
def set_team_member(
    edit: Edit[TeamMemberView, TeamMemberContent], team: str, user: str
) -> TeamMemberView:
    """Put a member of the organization into a team, or change what one is in it."""
    return team_members.set_member(
        current_principal(), team, user, lambda current: edit(current).role
    )


@resource.delete("/teams/<team>/members/<user>", shown_as=TeamMemberSchema)
def remove_team_member(check: Check[TeamMemberView], team: str, user: str) -> None:
    """Take somebody out of a team."""
    team_members.remove_member(current_principal(), team, user, check=check)
