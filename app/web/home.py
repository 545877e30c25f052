"""The first page: where to point a client."""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response

from app.auth.current import current_principal
from app.errors import NotFound
from app.registry import organizations
from app.registry.listing import PageRequest
from app.web.pages import blueprint, page

CLIENTS = {
    "npm": "npm, pnpm, bun",
    "yarn1": "Yarn 1",
    "yarn4": "Yarn 4",
    "pip": "pip, twine",
    "uv": "uv",
    "gem": "gem, bundler",
}
_SEGMENTS = {"pip": "pypi", "uv": "pypi", "gem": "rubygems"}
_EXAMPLE = "acme"
_MOST_SHOWN = 100


@blueprint.get("/")
def home() -> Response:
    """Show how a client is set up, with the address of an organization on this very registry.

    The query names the ``client`` and the ``organization``; empty is all organizations.
    """
    principal = current_principal()
    client = request.args.get("client", next(iter(CLIENTS)))
    if client not in CLIENTS:
        raise NotFound(f"There are no first steps for {client}.")
    found = organizations.list_visible(principal, PageRequest(limit=_MOST_SHOWN))
    slugs = [one.slug for one in found.items]
    chosen = request.args.get("organization")
    if chosen is None:
        chosen = slugs[0] if slugs else _EXAMPLE
    elif chosen and chosen not in slugs:
        chosen = organizations.find(principal, chosen).slug
        slugs.append(chosen)
    scope = f"/o/{chosen}" if chosen else ""
    return page(
        "home.html",
        clients=CLIENTS,
        client=client,
        organizations=slugs,
        organization=chosen,
        registry=f"{request.environ['packhouse.origin']}{scope}/{_SEGMENTS.get(client, 'npm')}/",
    )
