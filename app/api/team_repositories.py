"""``/teams/{team}/repositories``: the permissions of repositories, from the team's side."""

from __future__ import annotations

from marshmallow import fields

from app.api.edits import Check, Edit
from app.api.permissions import GrantSchema, TeamGrant, TeamGrantSchema
from app.api.resource import Resource
from app.api.schemas import Moment, Strict
from app.auth.current import current_principal
from app.models import RepositoryRole
from app.registry import grants
from app.registry.grants import GrantView, TeamRepositoryView
from app.registry.listing import Page, PageRequest

resource = Resource("team-repositories", "What a team is granted.")


class TeamRepositorySchema(Strict):
    """A repository that a team is granted."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    protocol = fields.String(required=True)
    role = fields.Enum(RepositoryRole, by_value=True, required=True, allow_none=True)
    created_at = Moment(required=True)


@resource.list("/teams/<team>/repositories", item=TeamRepositorySchema)
def list_team_repositories(page: PageRequest, team: str) -> Page[TeamRepositoryView]:
    """List the repositories that a team is granted."""
    return grants.list_team_repositories(current_principal(), team, page)


@resource.edit(
    "/teams/<team>/repositories/<repository>",
    content=TeamGrantSchema,
    answer=GrantSchema,
    patchable=False,
)
def set_team_repository(edit: Edit[GrantView, TeamGrant], team: str, repository: str) -> GrantView:
    """Give a team a repository, by the repository's id or name."""
    return grants.grant_repository(
        current_principal(), team, repository, lambda current: edit(current).role
    )


@resource.delete("/teams/<team>/repositories/<repository>", shown_as=GrantSchema)
def remove_team_repository(check: Check[GrantView], team: str, repository: str) -> None:
    """Take a repository from a team."""
    grants.revoke_repository(current_principal(), team, repository, check=check)
