"""Blobs: read, removed.

Spec: OCI distribution 1.1, "Pulling blobs", "Deleting Blobs".
"""

from __future__ import annotations

from flask import Response

from app.auth.current import current_principal
from app.models import Visibility
from app.protocols.oci import blobs, names, placement
from app.protocols.oci.answers import blob_response, empty
from app.protocols.oci.routes import blueprint
from app.registry.responses import gives_artifacts


@blueprint.get("/<oci_name:raw_name>/blobs/<raw_digest>")
@gives_artifacts
def get_blob(raw_name: str, raw_digest: str) -> Response:
    """Give a blob's bytes, or a range of them."""
    name, digest = names.parse_name(raw_name), names.parse_digest(raw_digest)
    principal = current_principal()
    package = placement.for_pull(principal, name)
    found = blobs.find(principal, package, digest)
    return blob_response(
        found.key,
        found.size_bytes,
        found.sha256,
        str(digest),
        is_public=package.repository.visibility is Visibility.PUBLIC,
    )


@blueprint.delete("/<oci_name:raw_name>/blobs/<raw_digest>")
def delete_blob(raw_name: str, raw_digest: str) -> Response:
    """Take a blob away from a package; others keep it."""
    name, digest = names.parse_name(raw_name), names.parse_digest(raw_digest)
    principal = current_principal()
    blobs.delete(principal, placement.for_delete(principal, name), digest)
    return empty(202)
