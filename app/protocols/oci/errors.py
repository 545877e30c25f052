"""Errors as OCI's clients read them: ``{"errors": [{"code", "message", "detail"}]}``.

Spec: OCI distribution 1.1, "Error codes"; Docker registry token authentication, "How to
authenticate".
"""

from __future__ import annotations

import re
from typing import Any

import orjson
from flask import Response, g, request

from app.errors import (
    Forbidden,
    InvalidInput,
    MethodNotAllowed,
    NotFound,
    RangeNotSatisfiable,
    ReadOnly,
    RegistryError,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
    UpstreamUnavailable,
)
from app.protocols.oci import refusals
from app.protocols.oci.answers import API_VERSION, range_header

REALM = "Packhouse"

# The first class that an error is an instance of says its code.
_CODES: tuple[tuple[type[RegistryError], str], ...] = (
    (refusals.NameInvalid, "NAME_INVALID"),
    (refusals.TagInvalid, "MANIFEST_INVALID"),
    (refusals.DigestInvalid, "DIGEST_INVALID"),
    (refusals.ContentMismatch, "DIGEST_INVALID"),
    (refusals.PageInvalid, "PAGINATION_NUMBER_INVALID"),
    (refusals.NameUnknown, "NAME_UNKNOWN"),
    (refusals.ManifestUnknown, "MANIFEST_UNKNOWN"),
    (refusals.BlobUnknown, "BLOB_UNKNOWN"),
    (refusals.UploadUnknown, "BLOB_UPLOAD_UNKNOWN"),
    (refusals.UploadInvalid, "BLOB_UPLOAD_INVALID"),
    (refusals.SizeInvalid, "SIZE_INVALID"),
    (refusals.OutOfOrder, "BLOB_UPLOAD_INVALID"),
    (refusals.ManifestInvalid, "MANIFEST_INVALID"),
    (refusals.ContentUnknown, "MANIFEST_BLOB_UNKNOWN"),
    (refusals.TooManyTags, "UNSUPPORTED"),
    (Unauthenticated, "UNAUTHORIZED"),
    (Forbidden, "DENIED"),
    (MethodNotAllowed, "UNSUPPORTED"),
    (ReadOnly, "UNSUPPORTED"),
    (UnsupportedMediaType, "UNSUPPORTED"),
    (TooLarge, "SIZE_INVALID"),
    (RangeNotSatisfiable, "RANGE_INVALID"),
    (TooManyRequests, "TOOMANYREQUESTS"),
    (Unavailable, "UNAVAILABLE"),
    (UpstreamUnavailable, "UNAVAILABLE"),
)

# What is missing where no use case got to say it: the last word of the path does.
_NOT_FOUND: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile("/blobs/uploads/"), "BLOB_UPLOAD_UNKNOWN"),
    (re.compile("/blobs/"), "BLOB_UNKNOWN"),
    (re.compile("/manifests/"), "MANIFEST_UNKNOWN"),
)
_NAMED = re.compile(
    "/v2/(?P<name>.+)/(?:(?P<upload>blobs/uploads(?:/[^/]*)?)|blobs/[^/]+|manifests/[^/]+"
    "|tags/list|referrers/[^/]+)",
    re.DOTALL,
)
_ACTIONS = {"GET": "pull", "HEAD": "pull", "DELETE": "delete"}
_PUSH = "pull,push"
_CATALOG = "/v2/_catalog"
_TOKEN = "/v2/token"  # noqa: S105  a path


def render_error(error: RegistryError) -> Response:
    """Render an error; reads the current request for the challenge."""
    response = Response(
        orjson.dumps({"errors": _entries(error)}),
        status=error.status,
        content_type="application/json",
    )
    response.headers[API_VERSION[0]] = API_VERSION[1]
    response.headers["Cache-Control"] = "no-store"
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, Unauthenticated):
        response.headers["WWW-Authenticate"] = _challenge(error)
    elif isinstance(error, refusals.OutOfOrder):
        response.headers["Location"] = error.location
        response.headers["Range"] = range_header(error.size_bytes)
        response.headers["Docker-Upload-UUID"] = error.location.rpartition("/")[2]
    elif isinstance(error, RangeNotSatisfiable):
        response.headers["Content-Range"] = f"bytes */{error.size_bytes}"
    elif isinstance(error, refusals.StillReferenced):
        response.headers["Allow"] = "GET, HEAD"
    return response


def _entries(error: RegistryError) -> list[dict[str, Any]]:
    code = _code(error)
    if isinstance(error, refusals.ContentUnknown):
        return [
            {"code": code, "message": error.message, "detail": {"digest": one}}
            for one in error.digests
        ]
    return [{"code": code, "message": error.message, "detail": None}]


def _code(error: RegistryError) -> str:
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    if isinstance(error, NotFound):
        path = request.path
        return next((code for form, code in _NOT_FOUND if form.search(path)), "NAME_UNKNOWN")
    if isinstance(error, InvalidInput):
        return _invalid_code()
    return "UNKNOWN" if error.status >= 500 else "UNSUPPORTED"  # noqa: PLR2004


def _invalid_code() -> str:
    """Return the code of a malformed request, by what it is about."""
    path = request.path
    if "/manifests/" in path:
        return "MANIFEST_INVALID"
    if "/blobs/" in path:
        return "BLOB_UPLOAD_INVALID"
    return "UNSUPPORTED"


def _challenge(error: Unauthenticated) -> str:
    """Return where to get a token, and which.

    Clients that ping ``/v2/`` first work the scope out themselves; containerd does not
    ping, and takes it from here.
    """
    if request.path == _TOKEN:
        return f'Basic realm="{REALM}"'
    origin: str = g.scope.origin
    service = origin.partition("://")[2]
    parts = [f'realm="{origin}{_TOKEN}"', f'service="{service}"']
    scope = _scope()
    if scope:
        parts.append(f'scope="{scope}"')
    if isinstance(error, refusals.InsufficientScope):
        parts.append('error="insufficient_scope"')
    elif error.wrong_credentials and _sent_bearer():
        parts.append('error="invalid_token"')
    return "Bearer " + ",".join(parts)


def _scope() -> str:
    path = request.path
    if path == _CATALOG:
        return "registry:catalog:*"
    match = _NAMED.fullmatch(path)
    if match is None or not re.fullmatch("[a-z0-9._/-]+", match["name"]):
        return ""
    # Asking about an upload, and cancelling it, are part of the push.
    actions = _PUSH if match["upload"] else _ACTIONS.get(request.method, _PUSH)
    return f"repository:{match['name']}:{actions}"


def _sent_bearer() -> bool:
    return request.headers.get("Authorization", "")[:7].lower() == "bearer "
