"""Manifests: read, pushed, removed.

Spec: OCI distribution 1.1, "Pulling manifests", "Pushing Manifests", "Deleting Manifests".
"""

from __future__ import annotations

from flask import Response, request

from app.auth.current import current_principal
from app.models import Visibility
from app.protocols.oci import manifests, names, placement
from app.protocols.oci.answers import content_response, empty
from app.protocols.oci.manifest_parsing import LARGEST_BYTES, parse_manifest
from app.protocols.oci.manifests import NewManifest
from app.protocols.oci.names import Digest
from app.protocols.oci.refusals import TooManyTags
from app.protocols.oci.routes import blueprint
from app.registry.bodies import Body
from app.registry.download_counts import Download


@blueprint.get("/<oci_name:raw_name>/manifests/<raw_reference>")
def get_manifest(raw_name: str, raw_reference: str) -> Response:
    """Give a manifest as it was pushed, whatever the client says that it accepts.

    Refusing or converting it helps nobody: a client knows what to do with what it asked for.
    """
    name, reference = names.parse_name(raw_name), names.parse_reference(raw_reference)
    principal = current_principal()
    package = placement.for_pull(principal, name)
    found = manifests.find(principal, package, reference)
    return content_response(
        found.content,
        found.media_type,
        etag=f'"{found.digest}"',
        is_immutable=isinstance(reference, Digest),
        is_public=package.repository.visibility is Visibility.PUBLIC,
        headers=(("Docker-Content-Digest", found.digest),),
        download=Download(package.id, str(reference)),
    )


@blueprint.put("/<oci_name:raw_name>/manifests/<raw_reference>")
def put_manifest(raw_name: str, raw_reference: str) -> Response:
    """Take a manifest, under a tag or its digest, and tags that the query names."""
    name, reference = names.parse_new_name(raw_name), names.parse_reference(raw_reference)
    digest = reference if isinstance(reference, Digest) else None
    tags = {reference} if isinstance(reference, str) else set()
    asked = request.args.getlist("tag")
    if len(asked) > manifests.MOST_TAGS:
        raise TooManyTags(f"At most {manifests.MOST_TAGS} tags can be set at once.")
    tags.update(names.parse_tag(one) for one in asked)
    principal = current_principal()
    place = placement.require_push(principal, name)
    content = Body(request, limit_bytes=LARGEST_BYTES, what="The manifest").read()
    parsed = parse_manifest(content, request.headers.get("Content-Type", ""))
    if place.package is None:
        is_sparse = place.repository is not None and place.repository.allow_sparse_index
        manifests.require_nothing_needed(parsed, allow_sparse_index=is_sparse)
    package = placement.ensure_package(principal, place)
    new = NewManifest(content=content, parsed=parsed, digest=digest, tags=frozenset(tags))
    address = manifests.push(principal, package, new)
    response = empty(
        201,
        Location=f"/v2/{name}/manifests/{address}",
        Docker_Content_Digest=str(address),
    )
    if parsed.subject is not None:
        response.headers["OCI-Subject"] = parsed.subject
    for tag in asked:
        response.headers.add("OCI-Tag", tag)
    return response


@blueprint.delete("/<oci_name:raw_name>/manifests/<raw_reference>")
def delete_manifest(raw_name: str, raw_reference: str) -> Response:
    """Remove a tag, or a manifest with all of its tags."""
    name, reference = names.parse_name(raw_name), names.parse_reference(raw_reference)
    principal = current_principal()
    package = placement.for_delete(principal, name)
    if isinstance(reference, Digest):
        manifests.delete_manifest(principal, package, reference)
    else:
        manifests.delete_tag(principal, package, reference)
    return empty(202)
