"""Search. There is no ``/-/all``, the list of everything that npm 5 and older search in."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
from flask import Response, request

from app.auth.current import current_principal
from app.errors import InvalidInput
from app.protocols.npm import searching
from app.protocols.npm.routes import blueprint
from app.registry import searching as packages
from app.registry.scopes import current_scope

_DEFAULT_SIZE = 20
_LARGEST_SIZE = 250
_LARGEST_START = 10_000  # what is skipped is read, too


@blueprint.get("/-/v1/search")
def search() -> Response:
    """Find packages by text and qualifiers; an empty text finds all that the caller may see."""
    query = searching.parse_query(request.args.get("text", ""))
    size = min(_number("size", _DEFAULT_SIZE), _LARGEST_SIZE)
    start = _number("from", 0)
    if start > _LARGEST_START:
        raise InvalidInput(f"'from' is at most {_LARGEST_START}. Search for something narrower.")
    terms = packages.Terms(
        text=" ".join(query.words),
        name_prefix=f"@{query.scope}/" if query.scope else "",
        owner=query.maintainer or query.author,
        keywords=query.keywords,
        flags=query.is_flags,
        not_flags=query.not_flags,
    )
    found = packages.search(current_principal(), current_scope(), terms, start=start, limit=size)
    hits = [_hit(one) for one in found.items]
    body = searching.render_search(hits, total=found.total, now=datetime.now(UTC))
    response = Response(body, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def _hit(hit: packages.Hit) -> searching.SearchHit:
    package = hit.package
    manifest = {} if hit.manifest is None else orjson.loads(hit.manifest)
    return searching.SearchHit(
        manifest={
            "name": package["display_name"],
            "version": package["latest_number"],
            "description": package.get("summary", ""),
            "keywords": package.get("keywords", []),
            **manifest,
        },
        published_at=hit.published_at,
        page_url=f"{current_scope().base_url}{package['display_name']}",
        maintainers=[(one.username, one.email) for one in hit.owners],
    )


def _number(name: str, default: int) -> int:
    raw = request.args.get(name)
    if raw is None:
        return default
    if not raw.isascii() or not raw.isdigit() or len(raw) > 9:  # noqa: PLR2004  a billion
        raise InvalidInput(f"'{name}' must be a number, 0 or more.")
    return int(raw)
