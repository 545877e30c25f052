"""The ping by which clients learn that this is a registry, and where to get a token.

Spec: OCI distribution 1.1, "Determining Support".
"""

from __future__ import annotations

from flask import Response

from app.auth.current import current_principal
from app.errors import Unauthenticated
from app.protocols.oci.answers import json_response
from app.protocols.oci.names import PROTOCOL_NAME
from app.protocols.oci.routes import blueprint
from app.registry.doors import require_door


@blueprint.get("/")
def ping() -> Response:
    """Say yes to who is known, or has a bearer; everybody else is asked to sign in.

    Also where something is public: Docker, Podman and others learn from this challenge only
    that one can sign in, and where.
    """
    principal = current_principal()
    if principal.is_anonymous and principal.scopes is None:
        raise Unauthenticated("authentication required")
    # A sign-in with a token that is good for nothing here fails at once.
    require_door(principal, action="read", door=PROTOCOL_NAME)
    return json_response({})
