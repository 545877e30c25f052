"""PyPI: the simple index, uploads by the legacy API, files with their core metadata."""

from __future__ import annotations

from flask import Request

from app.auth import authentication
from app.auth.principal import Credentials
from app.protocols.base import PackageProtocol
from app.protocols.pypi.errors import render_error
from app.protocols.pypi.format import FORMAT
from app.protocols.pypi.routes import blueprint


def _claims_path(path: str) -> bool:
    """Take ``/simple/…``, ``/+simple/…`` (as devpi has it) and ``/legacy/``."""
    return path.split("/", 2)[1] in {"simple", "+simple", "legacy"}


def _read_credentials(asked: Request) -> Credentials | None:
    return authentication.read_authorization_header(asked.headers.get("Authorization"))


PROTOCOL = PackageProtocol(
    name="pypi",
    segment="pypi",
    spec_url="https://packaging.python.org/en/latest/specifications/simple-repository-api/",
    blueprint=blueprint,
    claims_path=_claims_path,
    read_credentials=_read_credentials,
    render_error=render_error,
    format=FORMAT,
)
