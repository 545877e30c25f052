"""The list of a package's tags.

Spec: OCI distribution 1.1, "Listing Tags".
"""

from __future__ import annotations

import orjson
from flask import Response, request

from app.auth.current import current_principal
from app.protocols.oci import listings, names, placement
from app.protocols.oci.answers import MOST_RESULTS, content_response, etag_of, next_link, page_size
from app.protocols.oci.routes import blueprint


@blueprint.get("/<oci_name:raw_name>/tags/list")
def list_tags(raw_name: str) -> Response:
    """List tags in the order of their bytes, from after ``last``, at most ``n``."""
    name = names.parse_name(raw_name)
    limit = page_size(MOST_RESULTS)
    principal = current_principal()
    package = placement.for_pull(principal, name)
    after = request.args.get("last", "")
    page = listings.list_tags(principal, package, after=after, limit=limit)
    body = orjson.dumps({"name": str(name), "tags": page.tags})
    links: tuple[tuple[str, str], ...] = ()
    if page.has_more:
        links = (next_link(f"/v2/{name}/tags/list", last=page.tags[-1], n=limit),)
    return content_response(body, "application/json", etag=etag_of(body), headers=links)
