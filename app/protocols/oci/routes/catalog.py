"""The list of all packages that the caller may read.

Not OCI's, but what crane, Podman and others list and search with.
"""

from __future__ import annotations

from flask import Response, request

from app.auth.current import current_principal
from app.errors import Unauthenticated
from app.protocols.oci import listings
from app.protocols.oci.answers import json_response, next_link, page_size
from app.protocols.oci.grants import require_catalog_scope
from app.protocols.oci.names import PROTOCOL_NAME
from app.protocols.oci.routes import blueprint
from app.registry.doors import require_door

_PAGE = 100


@blueprint.get("/_catalog")
def list_packages() -> Response:
    """List full names in the order of their bytes, from after ``last``, at most ``n``."""
    limit = page_size(_PAGE)
    principal = current_principal()
    if principal.is_anonymous:
        raise Unauthenticated
    require_door(principal, action="read", door=PROTOCOL_NAME)
    require_catalog_scope(principal)
    page = listings.list_packages(principal, after=request.args.get("last", ""), limit=limit)
    response = json_response({"repositories": page.tags})
    if page.has_more:
        link = next_link("/v2/_catalog", last=page.tags[-1], n=limit)
        response.headers[link[0]] = link[1]
    return response
