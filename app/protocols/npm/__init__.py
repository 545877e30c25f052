"""npm: packuments, tarballs, dist-tags, and the accounts and teams that its client manages."""

from __future__ import annotations

from flask import Request, Response, request

from app.auth import authentication
from app.auth.principal import Credentials
from app.errors import RegistryError
from app.protocols.base import PackageProtocol
from app.protocols.npm import errors
from app.protocols.npm.format import FORMAT
from app.protocols.npm.routes import blueprint


def _claims_path(path: str) -> bool:
    """Take ``/@scope/…`` and ``/-/…``; names without a scope are what is left to it."""
    return path.startswith(("/@", "/-/"))


def _read_credentials(asked: Request) -> Credentials | None:
    return authentication.read_authorization_header(asked.headers.get("Authorization"))


def _render_error(error: RegistryError) -> Response:
    return errors.render_error(
        error,
        is_write=request.method not in {"GET", "HEAD"},
        tried_basic=request.headers.get("Authorization", "")[:6].lower() == "basic ",
    )


PROTOCOL = PackageProtocol(
    name="npm",
    segment="npm",
    spec_url="https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md",
    blueprint=blueprint,
    claims_path=_claims_path,
    takes_the_rest=True,
    read_credentials=_read_credentials,
    render_error=_render_error,
    format=FORMAT,
)
