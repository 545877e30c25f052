"""Stars, as npm lists them and as pnpm 11 gives and takes them.

npm gives and takes a star by a PUT to the package (``packages.put_package``). pnpm 11 asks
here first; where there is no answer it sends the whole packument as if to withdraw versions.
"""

from __future__ import annotations

import orjson
from flask import Response, request

from app.auth.current import current_principal
from app.errors import InvalidInput, Unauthenticated
from app.protocols.npm import identity
from app.protocols.npm.answers import json_object, json_response
from app.protocols.npm.routes import blueprint
from app.registry import changes, resolution, starring
from app.registry.scopes import current_scope


@blueprint.get("/-/_view/starredByUser")
def starred_by_user() -> Response:
    """List what a user has starred (``npm stars``); the key is a JSON string."""
    try:
        username = orjson.loads(request.args.get("key", '""'))
    except orjson.JSONDecodeError as error:
        raise InvalidInput('Send the user as ?key="name".') from error
    names = starring.starred_by(current_principal(), current_scope(), str(username))
    return json_response({"rows": [{"value": name} for name in names]})


@blueprint.get("/-/user/v1/star")
def own_stars() -> Response:
    """List what the caller has starred."""
    principal = current_principal()
    if principal.is_anonymous:
        raise Unauthenticated
    return json_response(starring.starred_by(principal, current_scope(), principal.username))


@blueprint.put("/-/user/v1/star")
def star() -> Response:
    """Star the package that the body names."""
    return _set_star(starred=True)


@blueprint.delete("/-/user/v1/star")
def unstar() -> Response:
    """Take the caller's star back."""
    return _set_star(starred=False)


def _set_star(*, starred: bool) -> Response:
    principal = current_principal()
    if principal.is_anonymous:
        raise Unauthenticated
    name = json_object().get("name")
    if not isinstance(name, str):
        raise InvalidInput("'name' must be the name of a package.")
    package = resolution.for_read(principal, current_scope(), identity.to_read(name))
    changes.set_star(principal, package, starred=starred)
    return json_response({"ok": True})
