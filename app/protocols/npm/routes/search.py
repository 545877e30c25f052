"""Search, and the list of everything that old clients ask for."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
from flask import Response, request

from app.auth.current import current_principal
from app.errors import InvalidInput
from app.protocols.npm import rendering, searching
from app.protocols.npm.answers import json_response
from app.protocols.npm.routes import blueprint
from app.registry import searching as packages
from app.registry.scopes import current_scope

_DEFAULT_SIZE = 20
_LARGEST_SIZE = 250


@blueprint.get("/-/v1/search")
def search() -> Response:
    """Find packages by text and qualifiers; an empty text finds all that the caller may see."""
    query = searching.parse_query(request.args.get("text", ""))
    size = min(_number("size", _DEFAULT_SIZE), _LARGEST_SIZE)
    terms = packages.Terms(
        words=query.words,
        name_prefix=f"@{query.scope}/" if query.scope else "",
        owner=query.maintainer or query.author,
        keywords=query.keywords,
    )
    found = packages.search(
        current_principal(), current_scope(), terms, start=_number("from", 0), limit=size
    )
    hits = [_hit(one) for one in found.items if _has_flags(one, query)]
    body = searching.render_search(hits, total=found.total, now=datetime.now(UTC))
    response = Response(body, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/-/all")
@blueprint.get("/-/all/since")
def everything() -> Response:
    """List every package that the caller may see, as npm 5 and older mirrors read it."""
    found = packages.search(
        current_principal(), current_scope(), packages.Terms(), start=0, limit=0
    )
    listed = {str(one.package["display_name"]): _summary(one) for one in found.items}
    moment = int(datetime.now(UTC).timestamp() * 1000)
    return json_response({"_updated": moment, **listed})


def _hit(hit: packages.Hit) -> searching.SearchHit:
    name = hit.package["display_name"]
    return searching.SearchHit(
        manifest=orjson.loads(bytes(hit.version["manifest"])),
        published_at=hit.version["published_at"],
        page_url=f"{current_scope().base_url}{name}",
        maintainers=[(one.username, one.email) for one in hit.owners],
    )


def _has_flags(hit: packages.Hit, query: searching.SearchQuery) -> bool:
    flags = set()
    if hit.version.get("deprecated"):
        flags.add("deprecated")
    if str(hit.version["number"]).startswith("0."):
        flags.add("unstable")
    return query.is_flags <= flags and flags.isdisjoint(query.not_flags)


def _summary(hit: packages.Hit) -> dict[str, object]:
    package = hit.package
    return {
        "name": package["display_name"],
        "description": package.get("summary", ""),
        "dist-tags": {one["name"]: one["number"] for one in package.get("tags", ())},
        "maintainers": [{"name": one.username} for one in hit.owners],
        "keywords": package.get("keywords", []),
        "time": {"modified": rendering.timestamp(package["updated_at"])},
        "versions": {package["latest_number"]: "latest"},
    }


def _number(name: str, default: int) -> int:
    raw = request.args.get(name)
    if raw is None:
        return default
    if not raw.isascii() or not raw.isdigit() or len(raw) > 9:  # noqa: PLR2004  a billion
        raise InvalidInput(f"'{name}' must be a number, 0 or more.")
    return int(raw)
