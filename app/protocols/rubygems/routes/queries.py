"""The JSON API: what tools that keep dependencies up to date ask."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask import Response, request

from app.auth.current import current_principal
from app.errors import InvalidInput, Unauthenticated
from app.protocols.rubygems import identity, json_api
from app.protocols.rubygems.answers import json_response
from app.protocols.rubygems.platforms import RUBY
from app.protocols.rubygems.routes import blueprint
from app.registry import resolution, searching
from app.registry.documents import Snapshot, read_snapshot
from app.registry.reading import record_read
from app.registry.scopes import current_scope
from app.registry.searching import Terms

_PAGE = 30
_MOST_PAGES = 1000
_NUMBER = re.compile("[1-9][0-9]{0,3}")  # more digits are no number that Python would read


@blueprint.get("/api/v1/gems/<name>.json")
def gem_json(name: str) -> Response:
    """Describe a gem by its newest version."""
    base_url = current_scope().base_url
    return _about(
        name, lambda one: json_api.newest_gem(one, base_url), manifests_of=frozenset({""})
    )


@blueprint.get("/api/v1/versions/<name>.json")
def versions_json(name: str) -> Response:
    """Describe all versions of a gem, the newest first."""
    return _about(name, json_api.versions)


@blueprint.get("/api/v1/versions/<name>/latest.json")
def latest_json(name: str) -> Response:
    """Name the newest version of a gem."""
    return _about(name, json_api.latest, manifests_of=frozenset())


@blueprint.get("/api/v2/rubygems/<name>/versions/<version>.json")
def version_json(name: str, version: str) -> Response:
    """Describe one version of a gem."""
    platform = request.args.get("platform", RUBY)
    base_url = current_scope().base_url
    return _about(name, lambda one: json_api.version(one, version, platform, base_url))


@blueprint.get("/api/v1/search.json")
def search() -> Response:
    """Find gems by words, thirty on a page."""
    return _found(Terms(text=request.args.get("query", "")))


@blueprint.get("/api/v1/gems.json")
def own_gems() -> Response:
    """List the gems that the caller owns."""
    principal = current_principal()
    if principal.is_anonymous:
        raise Unauthenticated
    return _found(Terms(owner=principal.username))


def _about(
    name: str,
    describe: Callable[[Snapshot], Any],
    *,
    manifests_of: frozenset[str] | None = None,
) -> Response:
    principal = current_principal()
    package = resolution.for_read(principal, current_scope(), identity.to_read(name))
    described = describe(read_snapshot(package.id, manifests_of=manifests_of))
    record_read(principal, package, document="rubygems/json")
    return json_response(described)


def _found(terms: Terms) -> Response:
    page = request.args.get("page", "1")
    if _NUMBER.fullmatch(page) is None or int(page) > _MOST_PAGES:
        raise InvalidInput(f"'page' is a number from 1 to {_MOST_PAGES}.")
    scope = current_scope()
    hits = searching.search(
        current_principal(), scope, terms, start=(int(page) - 1) * _PAGE, limit=_PAGE
    )
    return json_response(
        [
            json_api.gem(
                hit.package["display_name"],
                {"manifest": hit.manifest, "published_at": hit.published_at, "files": hit.files},
                scope.base_url,
            )
            for hit in hits.items
            if hit.manifest is not None
        ]
    )
