"""The owners of a gem, as ``gem owner`` shows and changes them."""

from __future__ import annotations

import yaml
from flask import Response

from app.access import Action
from app.auth.current import current_principal
from app.errors import InvalidInput, NotFound
from app.protocols.rubygems import identity
from app.protocols.rubygems.answers import json_response, text_response, yaml_response
from app.protocols.rubygems.parameters import read_parameters
from app.protocols.rubygems.routes import blueprint
from app.registry import package_owners, resolution
from app.registry.documents import read_snapshot
from app.registry.resolution import PackageRef
from app.registry.scopes import current_scope


@blueprint.get("/api/v1/gems/<name>/owners")
@blueprint.get("/api/v1/gems/<name>/owners.json")
def owners_json(name: str) -> Response:
    """List the owners."""
    return json_response(_owners(name))


@blueprint.get("/api/v1/gems/<name>/owners.yaml")
def owners_yaml(name: str) -> Response:
    """List the owners, for ``gem owner``."""
    return yaml_response(yaml.safe_dump(_owners(name), explicit_start=True, sort_keys=False))


@blueprint.post("/api/v1/gems/<name>/owners")
def add_owner(name: str) -> Response:
    """Make a user an owner, by e-mail address or username."""
    package = _maintained(name)
    try:
        package_owners.add_owner(current_principal(), package, _email())
    except InvalidInput as error:
        raise NotFound("Owner could not be found.") from error
    return text_response("Owner added successfully.")


@blueprint.delete("/api/v1/gems/<name>/owners")
def remove_owner(name: str) -> Response:
    """Take an owner away; one has to be left."""
    package = _maintained(name)
    try:
        package_owners.remove_owner(current_principal(), package, _email())
    except NotFound as error:
        raise NotFound("Owner could not be found.") from error
    return text_response("Owner removed successfully.")


def _owners(name: str) -> list[dict[str, object]]:
    """Return the owners; addresses are for those only who may change them."""
    principal, scope = current_principal(), current_scope()
    package = resolution.for_read(principal, scope, identity.to_read(name))
    snapshot = read_snapshot(package.id, manifests_of=frozenset())
    people = [
        snapshot.people[one] for one in snapshot.package.get("owners", ()) if one in snapshot.people
    ]
    return [{"id": str(number), "handle": one.username} for number, one in enumerate(people, 1)]


def _maintained(name: str) -> PackageRef:
    return resolution.for_action(
        current_principal(), current_scope(), identity.to_read(name), Action.MAINTAIN
    )


def _email() -> str:
    found = read_parameters().get("email")
    if not found:
        raise InvalidInput("Say who it is: 'email' is needed, and may be a username.")
    return found
