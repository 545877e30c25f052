"""Access, organizations and teams, as ``npm access``, ``npm org`` and ``npm team`` manage them.

npm grants per package; here roles belong to repositories. A team that is granted a package is
granted the package's repository, and a package is as visible as its repository is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from flask import Response, request

from app.access import Action, Role
from app.auth import users
from app.auth.current import current_principal
from app.errors import Forbidden, InvalidInput, NotFound, Unauthenticated
from app.models import OrganizationRole, RepositoryRole, TeamRole, Visibility
from app.protocols.npm import identity
from app.protocols.npm.answers import json_object, json_response
from app.protocols.npm.identity import PROTOCOL_NAME
from app.protocols.npm.routes import blueprint
from app.registry import (
    collaborators,
    grants,
    members,
    organizations,
    resolution,
    team_members,
    teams,
)
from app.registry.listing import Page, PageRequest
from app.registry.resolution import PackageRef
from app.registry.scopes import current_scope
from app.registry.teams import TeamContent

Item = TypeVar("Item")

_LARGEST_PAGE = 500
_ORGANIZATION_ROLES = {
    "developer": OrganizationRole.MEMBER,
    "admin": OrganizationRole.ADMIN,
    "owner": OrganizationRole.OWNER,
}
_ROLE_NAMES = {role: name for name, role in _ORGANIZATION_ROLES.items()}
_TEAM_PERMISSIONS: dict[str, RepositoryRole | None] = {
    "read-only": RepositoryRole.READER,
    "read-write": None,  # what each member's role in the team gives
}


# npm access


@blueprint.get("/-/package/<npm_name:name>/collaborators")
def list_collaborators(name: str) -> Response:
    """List who may read and who may write; pnpm 11 names the ``user`` whom it is about."""
    roles = collaborators.collaborators(current_principal(), _package(name))
    user = request.args.get("user")
    return _permissions(
        {username: role for username, role in roles.items() if user in {None, username}}
    )


@blueprint.get("/-/package/<npm_name:name>/visibility")
def visibility(name: str) -> Response:
    """Say whether anybody may read the package."""
    return json_response({"public": _is_public(_package(name))})


@blueprint.get("/-/package/<npm_name:name>/access")
def get_access(name: str) -> Response:
    """Say the same in the words of older clients."""
    return json_response({"access": _access(_package(name))})


@blueprint.post("/-/package/<npm_name:name>/access")
def set_access(name: str) -> Response:
    """Take what is true already; visibility and sign-in rules are the repository's."""
    package = resolution.for_action(
        current_principal(), current_scope(), identity.to_read(name), Action.PUBLISH
    )
    body = json_object()
    if body.get("publish_requires_tfa") or body.get("automation_token_overrides_tfa"):
        raise Forbidden(
            "Two-factor authentication is not offered by this registry. Use tokens with limits."
        )
    wanted = body.get("access")
    if wanted is not None and wanted != _access(package):
        raise Forbidden(
            f"{package.name.display} is as visible as its repository {package.repository.path}, "
            f"which is {package.repository.visibility}. An admin of it can change that."
        )
    return json_response({"access": _access(package)})


@blueprint.get("/-/org/<organization>/package")
def list_organization_packages(organization: str) -> Response:
    """List an organization's packages that the caller may read."""
    principal = current_principal()
    found = organizations.find(principal, organization)
    return _permissions(collaborators.packages_in(principal, found, PROTOCOL_NAME))


@blueprint.get("/-/user/<username>/package")
def list_user_packages(username: str) -> Response:
    """List the packages that a user owns and the caller may read.

    There are none of a user who is not there: the list does not tell who is.
    """
    principal = current_principal()
    if principal.is_anonymous:
        raise Unauthenticated
    user = users.by_username(username)
    if user is None:
        return json_response({})
    return _permissions(collaborators.packages_of_user(principal, user.id, PROTOCOL_NAME))


@blueprint.get("/-/team/<organization>/<team>/package")
def list_team_packages(organization: str, team: str) -> Response:
    """List what a team may work on."""
    principal = current_principal()
    found = teams.find(
        principal,
        team,
        OrganizationRole.MEMBER,
        action="read",
        organization=organization,
        door=PROTOCOL_NAME,
    )
    return _permissions(
        collaborators.packages_of_team(principal, found.id, found.organization, PROTOCOL_NAME)
    )


@blueprint.put("/-/team/<organization>/<team>/package")
def grant_team(organization: str, team: str) -> Response:
    """Grant a team the repository that a package is in."""
    body = json_object()
    permissions = body.get("permissions")
    if permissions not in _TEAM_PERMISSIONS:
        raise InvalidInput('\'permissions\' must be "read-only" or "read-write".')
    package = _package_of(organization, body.get("package"))
    grants.grant_team(
        current_principal(),
        str(package.repository.id),
        team,
        lambda _current: _TEAM_PERMISSIONS[permissions],
        door=PROTOCOL_NAME,
    )
    return json_response({}, status=201)


@blueprint.delete("/-/team/<organization>/<team>/package")
def revoke_team(organization: str, team: str) -> Response:
    """Take the repository that a package is in from a team."""
    package = _package_of(organization, json_object().get("package"))
    grants.revoke_team(current_principal(), str(package.repository.id), team, door=PROTOCOL_NAME)
    return Response(status=204)


# npm org


@blueprint.get("/-/org/<organization>/user")
def list_members(organization: str) -> Response:
    """List an organization's members with their roles."""
    found = _every(
        lambda page: members.list_members(
            current_principal(), organization, page, door=PROTOCOL_NAME
        )
    )
    return json_response({one.user.username: _ROLE_NAMES[one.role] for one in found})


@blueprint.put("/-/org/<organization>/user")
def set_member(organization: str) -> Response:
    """Make somebody a member, or give a member another role."""
    body = json_object()
    role = _ORGANIZATION_ROLES.get(str(body.get("role") or "developer"))
    if role is None:
        raise InvalidInput('\'role\' must be "developer", "admin" or "owner".')
    username = _username(body.get("user"))
    principal = current_principal()
    members.set_member(principal, organization, username, lambda _current: role, door=PROTOCOL_NAME)
    size = sum(
        1
        for _ in _every(
            lambda page: members.list_members(principal, organization, page, door=PROTOCOL_NAME)
        )
    )
    return json_response(
        {
            "org": {"name": organization, "size": size},
            "user": username,
            "role": _ROLE_NAMES[role],
        }
    )


@blueprint.delete("/-/org/<organization>/user")
def remove_member(organization: str) -> Response:
    """Take somebody out of an organization."""
    members.remove_member(
        current_principal(),
        organization,
        _username(json_object().get("user")),
        door=PROTOCOL_NAME,
    )
    return Response(status=204)


# npm team


@blueprint.get("/-/org/<organization>/team")
def list_teams(organization: str) -> Response:
    """List an organization's teams."""
    found = _every(
        lambda page: teams.list_teams(current_principal(), organization, page, door=PROTOCOL_NAME)
    )
    return json_response([f"{organization}:{one.slug}" for one in found])


@blueprint.put("/-/org/<organization>/team")
def create_team(organization: str) -> Response:
    """Make a team."""
    body = json_object()
    name = body.get("name")
    if not isinstance(name, str):
        raise InvalidInput("'name' must be the team's name.")
    made = teams.create_team(
        current_principal(),
        organization,
        TeamContent(slug=name, description=str(body.get("description") or "")),
        door=PROTOCOL_NAME,
    )
    return json_response({"name": made.slug}, status=201)


@blueprint.delete("/-/team/<organization>/<team>")
def delete_team(organization: str, team: str) -> Response:
    """Delete a team; its members stay in the organization."""
    teams.delete_team(current_principal(), team, organization=organization, door=PROTOCOL_NAME)
    return Response(status=204)


@blueprint.get("/-/team/<organization>/<team>/user")
def list_team_members(organization: str, team: str) -> Response:
    """List a team's members."""
    found = _every(
        lambda page: team_members.list_members(
            current_principal(), team, page, organization=organization, door=PROTOCOL_NAME
        )
    )
    return json_response([one.user.username for one in found])


@blueprint.put("/-/team/<organization>/<team>/user")
def add_team_member(organization: str, team: str) -> Response:
    """Put a member of the organization into a team; who is in it stays what they are."""
    team_members.set_member(
        current_principal(),
        team,
        _username(json_object().get("user")),
        lambda current: TeamRole.MEMBER if current is None else current.role,
        organization=organization,
        door=PROTOCOL_NAME,
    )
    return json_response({}, status=201)


@blueprint.delete("/-/team/<organization>/<team>/user")
def remove_team_member(organization: str, team: str) -> Response:
    """Take somebody out of a team."""
    team_members.remove_member(
        current_principal(),
        team,
        _username(json_object().get("user")),
        organization=organization,
        door=PROTOCOL_NAME,
    )
    return Response(status=204)


def _package(name: str) -> PackageRef:
    return resolution.for_read(current_principal(), current_scope(), identity.to_read(name))


def _package_of(organization: str, name: object) -> PackageRef:
    if not isinstance(name, str):
        raise InvalidInput("'package' must be a package's name.")
    package = _package(name)
    if package.repository.organization_slug != organization:
        raise NotFound(f"{organization} has no package {name}.")
    return package


def _username(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidInput("'user' must be a username.")
    return value.removeprefix("@").removeprefix("~")


def _is_public(package: PackageRef) -> bool:
    return package.repository.visibility is Visibility.PUBLIC


def _access(package: PackageRef) -> str:
    return "public" if _is_public(package) else "restricted"


def _permissions(roles: Mapping[str, Role]) -> Response:
    return json_response(
        {name: "write" if role >= Role.DEVELOPER else "read" for name, role in roles.items()}
    )


def _every(read: Callable[[PageRequest], Page[Item]]) -> Iterator[Item]:
    """Read a list whole, page by page: npm's clients know no pages."""
    page = read(PageRequest(limit=_LARGEST_PAGE))
    yield from page.items
    while page.next is not None:
        page = read(PageRequest(limit=_LARGEST_PAGE, after=page.next))
        yield from page.items
