"""Errors where no package format speaks: the management API, pages, plain URLs."""

from __future__ import annotations

from http import HTTPStatus

import orjson
from flask import Response, g

from app.errors import RegistryError, Unauthenticated, UnprocessableInput

REALM = "Packhouse"
PROBLEM = "application/problem+json"


def render_problem(error: RegistryError) -> Response:
    """Render RFC 9457 problem details, with our stable ``code``."""
    body: dict[str, object] = {
        "type": f"/api/docs#error-{error.code}",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.message,
        "instance": g.client.request_id,
        "code": error.code,
    }
    if isinstance(error, UnprocessableInput):
        body["errors"] = [
            {"pointer": pointer, "detail": detail} for pointer, detail in error.fields.items()
        ]
    response = Response(orjson.dumps(body), status=error.status, content_type=PROBLEM)
    return with_error_headers(response, error)


def render_plain_error(error: RegistryError) -> Response:
    """Render one line of text."""
    response = Response(
        error.message + "\n", status=error.status, content_type="text/plain; charset=utf-8"
    )
    return with_error_headers(response, error)


def with_error_headers(response: Response, error: RegistryError) -> Response:
    """Add ``Retry-After``, the challenge, and what keeps errors out of caches."""
    response.headers["Cache-Control"] = "no-store"
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, Unauthenticated):
        response.headers["WWW-Authenticate"] = f'Bearer realm="{REALM}"'
    return response
