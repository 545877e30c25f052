"""RubyGems: pushes and yanks, the compact index, the legacy index, the gems' JSON."""

from __future__ import annotations

from flask import Request

from app.auth import authentication
from app.auth.principal import Credentials
from app.errors import Unauthenticated
from app.protocols.base import PackageProtocol
from app.protocols.rubygems.errors import render_error
from app.protocols.rubygems.format import FORMAT
from app.protocols.rubygems.routes import blueprint

_LONGEST_HEADER = 8 * 1024
_AT_THE_ROOT = frozenset(
    {
        "gems",
        "info",
        "latest_specs.4.8.gz",
        "names",
        "prerelease_specs.4.8.gz",
        "quick",
        "specs.4.8.gz",
        "versions",
    }
)
_API = (
    "/api/v1/api_key",
    "/api/v1/dependencies",
    "/api/v1/gems",
    "/api/v1/profile/me.yaml",
    "/api/v1/search.json",
    "/api/v1/versions/",
    "/api/v1/webauthn_verification",
    "/api/v2/rubygems/",
)


def _claims_path(path: str) -> bool:
    """Take the paths that gem and bundler put behind a source's URL."""
    return path.split("/", 2)[1] in _AT_THE_ROOT or path.startswith(_API)


def _read_credentials(asked: Request) -> Credentials | None:
    """Read a bare token, Bearer or Basic.

    With user info in ``--host``, gem sends both in one header: ``Basic dTpw, srg_…``. The last
    that can be read counts: it is the key that its user has set.
    """
    header = asked.headers.get("Authorization")
    if header is None:
        return None
    if len(header) > _LONGEST_HEADER:
        raise Unauthenticated("The Authorization header is too long.", wrong_credentials=True)
    return authentication.read_authorization_header(header.rpartition(",")[2])


PROTOCOL = PackageProtocol(
    name="rubygems",
    segment="rubygems",
    spec_url="https://github.com/rubygems/guides/blob/gh-pages/rubygems-org-compact-index-api.md",
    blueprint=blueprint,
    claims_path=_claims_path,
    read_credentials=_read_credentials,
    render_error=render_error,
    format=FORMAT,
)
