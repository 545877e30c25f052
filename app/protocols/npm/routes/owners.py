"""Owners one at a time, as pnpm 11 changes them.

npm sends the whole list of maintainers to the package (``packages.put_revision``).
"""

from __future__ import annotations

from flask import Response

from app.access import Action
from app.auth.current import current_principal
from app.errors import InvalidInput
from app.protocols.npm import identity
from app.protocols.npm.answers import json_object, json_response
from app.protocols.npm.routes import blueprint
from app.registry import package_owners, resolution
from app.registry.resolution import PackageRef
from app.registry.scopes import current_scope


@blueprint.put("/-/package/<npm_name:name>/owners")
def add_owner(name: str) -> Response:
    """Make the user whom the body names an owner."""
    package = _maintained(name)
    username = json_object().get("user")
    if not isinstance(username, str):
        raise InvalidInput("'user' must be a username.")
    package_owners.add_owner(current_principal(), package, username)
    return json_response({"ok": True})


@blueprint.delete("/-/package/<npm_name:name>/owners/<username>")
def remove_owner(name: str, username: str) -> Response:
    """Take an owner away; one has to be left."""
    package_owners.remove_owner(current_principal(), _maintained(name), username)
    return json_response({"ok": True})


def _maintained(name: str) -> PackageRef:
    return resolution.for_action(
        current_principal(), current_scope(), identity.to_read(name), Action.MAINTAIN
    )
