"""OCI's endpoints (the wire contract is in docs/protocols/oci.md)."""

from __future__ import annotations

from flask import Blueprint, Response
from flask.blueprints import BlueprintSetupState

from app.protocols.oci.answers import with_version
from app.protocols.oci.routes.converters import ImageNameConverter

blueprint = Blueprint("oci", __name__)


@blueprint.record_once
def _add_converters(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["oci_name"] = ImageNameConverter


@blueprint.after_request
def _say_version(response: Response) -> Response:
    return with_version(response)


# The views register themselves on the blueprint.
from app.protocols.oci.routes import (  # noqa: E402
    base,  # noqa: F401
    blobs,  # noqa: F401
    catalog,  # noqa: F401
    manifests,  # noqa: F401
    referrers,  # noqa: F401
    tags,  # noqa: F401
    token,  # noqa: F401
    uploads,  # noqa: F401
)
