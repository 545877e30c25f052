"""The list of what refers to a manifest: signatures, SBOMs, attestations.

Spec: OCI distribution 1.1, "Listing Referrers".
"""

from __future__ import annotations

from flask import Response, request

from app.auth.current import current_principal
from app.protocols.oci import listings, names, placement
from app.protocols.oci.answers import content_response, etag_of, next_link
from app.protocols.oci.listings import ReferrerPage
from app.protocols.oci.manifest_parsing import OCI_INDEX
from app.protocols.oci.routes import blueprint

_NONE = ReferrerPage(descriptors=(), next=None)


@blueprint.get("/<oci_name:raw_name>/referrers/<raw_digest>")
def list_referrers(raw_name: str, raw_digest: str) -> Response:
    """List a digest's referrers as an index, in a package that need not be there yet.

    A 404 would make clients keep such lists in tags from then on.
    """
    name, digest = names.parse_name(raw_name), names.parse_digest(raw_digest)
    principal = current_principal()
    place = placement.require_pull(principal, name)
    artifact_type = request.args.get("artifactType")
    page = _NONE
    if place.package is not None:
        page = listings.list_referrers(
            principal,
            place.package,
            digest,
            artifact_type=artifact_type,
            after=request.args.get("last"),
        )
    body = (
        b'{"schemaVersion":2,"mediaType":"'
        + OCI_INDEX.encode()
        + b'","manifests":['
        + b",".join(page.descriptors)
        + b"]}"
    )
    headers: tuple[tuple[str, str], ...] = ()
    parameters = {}
    if artifact_type is not None:
        headers = (("OCI-Filters-Applied", "artifactType"),)
        parameters["artifactType"] = artifact_type
    if page.next is not None:
        link = next_link(f"/v2/{name}/referrers/{digest}", **parameters, last=page.next)
        headers = (*headers, link)
    return content_response(body, OCI_INDEX, etag=etag_of(body), headers=headers)
