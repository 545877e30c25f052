"""OCI and Docker: images, charts and whatever else is a manifest with blobs."""

from __future__ import annotations

from dataclasses import replace

from flask import Request

from app.auth import authentication
from app.auth.principal import Credentials, CredentialScheme
from app.protocols.base import PackageProtocol
from app.protocols.oci.errors import render_error
from app.protocols.oci.format import FORMAT
from app.protocols.oci.routes import blueprint


def _claims_path(path: str) -> bool:
    """Take nothing beside ``/v2/``, which clients always put at the root."""
    del path
    return False


def _read_credentials(asked: Request) -> Credentials | None:
    """Read Basic or Bearer; bearers of our own token endpoint are good here only."""
    found = authentication.read_authorization_header(asked.headers.get("Authorization"))
    if found is None or found.scheme is not CredentialScheme.BEARER:
        return found
    return replace(found, scheme=CredentialScheme.SCOPED)


PROTOCOL = PackageProtocol(
    name="oci",
    segment="v2",
    is_scoped=False,
    spec_url="https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md",
    blueprint=blueprint,
    claims_path=_claims_path,
    read_credentials=_read_credentials,
    render_error=render_error,
    format=FORMAT,
)
