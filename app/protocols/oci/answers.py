"""Answers in OCI's form: empty ones with a Location, JSON, manifests and blobs.

Spec: OCI distribution 1.1; RFC 9110, section 14 (ranges).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from urllib.parse import urlencode

import orjson
from flask import Response, request
from werkzeug.datastructures import Headers

from app.extensions import store
from app.protocols.oci.refusals import PageInvalid
from app.registry.conditions import asked_span, require_match
from app.registry.download_counts import Download
from app.registry.responses import HOT_ANSWER, HotAnswer, is_modified, respond

API_VERSION = ("Docker-Distribution-API-Version", "registry/2.0")
"""Docker refuses a registry whose answers lack it."""

_REVALIDATE = "no-cache"
_IMMUTABLE = "max-age=31536000, immutable"
_LARGEST_HOT_BYTES = 512 * 1024
MOST_RESULTS = 10_000
"""What a page holds at most."""


def empty(status: int, **headers: str) -> Response:
    """Answer without a body; header names are written with ``_`` for ``-``."""
    response = Response(status=status)
    del response.headers["Content-Type"]
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    response.headers["Content-Length"] = "0"
    return with_version(response)


def with_version(response: Response) -> Response:
    """Add what every answer has."""
    response.headers[API_VERSION[0]] = API_VERSION[1]
    return response


def range_header(size_bytes: int) -> str:
    """Return what an upload holds; docker cannot read ``0--1``, so that none is ``0-0`` too."""
    return f"0-{max(0, size_bytes - 1)}"


def json_response(value: object) -> Response:
    """Answer with JSON that nobody may store."""
    response = Response(orjson.dumps(value), content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return with_version(response)


def content_response(
    body: bytes,
    media_type: str,
    *,
    etag: str,
    is_immutable: bool = False,
    is_public: bool = False,
    headers: tuple[tuple[str, str], ...] = (),
    download: Download | None = None,
) -> Response:
    """Answer with a manifest or a list, and let the same answer be given from memory.

    Args:
        body: the bytes.
        media_type: sent as it is.
        etag: strong, quoted.
        is_immutable: the URL names the content by its digest.
        is_public: a shared cache may keep what is immutable.
        headers: more of them.
        download: as which it is counted, if it is one.
    """
    cache = _cache_control(is_public=is_public) if is_immutable else _REVALIDATE
    answer = HotAnswer(
        headers=(
            ("Content-Type", media_type),
            ("Cache-Control", cache),
            API_VERSION,
            ("X-Content-Type-Options", "nosniff"),
            *headers,
        ),
        body=body,
        etag=etag,
        download=download,
    )
    request.environ[HOT_ANSWER] = answer
    return respond(answer)


def blob_response(
    key: str, size_bytes: int, sha256: str, digest: str, *, is_public: bool
) -> Response:
    """Answer with a blob's bytes, a range of them, or 304.

    Raises:
        PreconditionFailed: ``If-Match`` names other bytes.
        RangeNotSatisfiable: the range is reversed, or lies outside.
    """
    etag = f'"{digest}"'
    require_match(etag)
    headers = Headers(
        [
            ("Content-Type", "application/octet-stream"),
            ("Cache-Control", _cache_control(is_public=is_public)),
            API_VERSION,
            ("Docker-Content-Digest", digest),
            ("Accept-Ranges", "bytes"),
            # A blob may be anybody's HTML.
            ("X-Content-Type-Options", "nosniff"),
            ("Content-Security-Policy", "default-src 'none'"),
        ]
    )
    if not is_modified(request.environ, etag):
        headers["ETag"] = etag
        return Response(status=304, headers=headers)
    span = asked_span(size_bytes, etag=etag)
    if span is None and size_bytes <= _LARGEST_HOT_BYTES:
        answer = HotAnswer(
            headers=tuple(headers), body=b"".join(store.open(key, sha256=sha256)), etag=etag
        )
        request.environ[HOT_ANSWER] = answer
        return respond(answer)
    headers["ETag"] = etag
    start, length = span or (0, size_bytes)
    headers["Content-Length"] = str(length)
    if span is not None:
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{size_bytes}"
    status = 200 if span is None else 206
    if request.method == "HEAD":
        return Response(status=status, headers=headers)
    pieces: Iterator[bytes] = iter(store.open(key, start, length, sha256=sha256))
    return Response(pieces, status=status, headers=headers, direct_passthrough=True)


def _cache_control(*, is_public: bool) -> str:
    return _IMMUTABLE if is_public else f"private, {_IMMUTABLE}"


def page_size(default: int) -> int:
    """Read ``n``, the most results that the client wants.

    Raises:
        PageInvalid: it is no number, or a negative one.
    """
    raw = request.args.get("n")
    if raw is None:
        return default
    if not raw.isascii() or not raw.isdecimal():
        raise PageInvalid("n is the number of results: 0 or more.")
    return min(int(raw[:10]), MOST_RESULTS)


def etag_of(body: bytes) -> str:
    """Return a strong ETag for what has no digest of its own."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def next_link(path: str, **parameters: str | int) -> tuple[str, str]:
    """Return the Link header that leads to the next page."""
    return ("Link", f'<{path}?{urlencode(parameters)}>; rel="next"')
