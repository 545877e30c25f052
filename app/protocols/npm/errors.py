"""Errors as npm's clients read them: ``{"error": "<one plain sentence>"}``."""

from __future__ import annotations

import orjson
from flask import Response

from app.errors import (
    RegistryError,
    StaleRevision,
    TooLarge,
    Unauthenticated,
    VersionExists,
)

_REALM = "Packhouse"
_FORBIDDEN = 403


def render_error(
    error: RegistryError, *, is_write: bool = False, tried_basic: bool = False
) -> Response:
    """Render an error.

    Args:
        error: what was refused.
        is_write: the request would have changed something. npm shows a sentence of its own
            in place of ours for a 401 with a challenge; a publisher needs to see ours.
        tried_basic: the request came with ``Authorization: Basic``.
    """
    response = Response(
        orjson.dumps({"error": _sentence(error)}),
        status=_status(error),
        content_type="application/json",
    )
    response.headers["Cache-Control"] = "no-store"
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, Unauthenticated) and not is_write:
        scheme = "Basic" if tried_basic else "Bearer"
        response.headers["WWW-Authenticate"] = f'{scheme} realm="{_REALM}"'
    if isinstance(error, TooLarge):
        # What is left of the body is not worth reading.
        response.headers["Connection"] = "close"
    return response


def _status(error: RegistryError) -> int:
    # Release tools take npm's own 403, with its sentence, for "already published".
    return _FORBIDDEN if isinstance(error, VersionExists) else error.status


def _sentence(error: RegistryError) -> str:
    if isinstance(error, VersionExists):
        if error.is_withdrawn:
            return f'Cannot publish over previously published version "{error.number}".'
        return f"You cannot publish over the previously published versions: {error.number}."
    if isinstance(error, StaleRevision):
        return "Document update conflict."
    return error.message
