"""dist-tags: movable names for versions."""

from __future__ import annotations

from typing import Any

from flask import Response

from app.access import Action
from app.auth.current import current_principal
from app.errors import Forbidden, InvalidInput, NotFound
from app.protocols.npm import identity, versions
from app.protocols.npm.answers import json_body, json_response
from app.protocols.npm.documents import package_view
from app.protocols.npm.routes import blueprint
from app.registry import changes, resolution
from app.registry.documents import read_snapshot
from app.registry.scopes import current_scope

LATEST = "latest"


@blueprint.get("/-/package/<npm_name:name>/dist-tags")
def list_tags(name: str) -> Response:
    """Give every tag and its version."""
    package = resolution.for_read(current_principal(), current_scope(), identity.to_read(name))
    return json_response(package_view(read_snapshot(package.id)).tags)


@blueprint.route("/-/package/<npm_name:name>/dist-tags", methods=["PUT", "POST"])
def set_tags(name: str) -> Response:
    """Set several tags at once."""
    body = json_body()
    if not isinstance(body, dict) or not body:
        raise InvalidInput("Send a JSON object of tags and their versions.")
    return _set(name, body)


@blueprint.route("/-/package/<npm_name:name>/dist-tags/<tag>", methods=["PUT", "POST"])
def set_tag(name: str, tag: str) -> Response:
    """Point one tag at a version; the body is a bare JSON string."""
    return _set(name, {tag: json_body()})


@blueprint.delete("/-/package/<npm_name:name>/dist-tags/<tag>")
def remove_tag(name: str, tag: str) -> Response:
    """Remove a tag; ``latest`` stays, because npm cannot install without it."""
    package = resolution.for_action(
        current_principal(), current_scope(), identity.to_read(name), Action.PUBLISH
    )
    if tag == LATEST:
        raise Forbidden(
            "The tag latest cannot be removed. Point it at another version instead: "
            "npm dist-tag add <package>@<version> latest"
        )
    changes.remove_tag(current_principal(), package, tag)
    return json_response({"ok": True})


def _set(name: str, tags: dict[str, Any]) -> Response:
    package = resolution.for_action(
        current_principal(), current_scope(), identity.to_read(name), Action.PUBLISH
    )
    wanted: dict[str, str] = {}
    for tag, number in tags.items():
        versions.require_tag(tag)
        if not isinstance(number, str):
            raise InvalidInput('The version must be a JSON string, such as "1.4.0".')
        try:
            wanted[tag] = versions.normalise(number)
        except InvalidInput as error:
            raise NotFound(f"version not found: {number}") from error
    changes.set_tags(current_principal(), package, wanted)
    return json_response({"ok": True}, status=201)
