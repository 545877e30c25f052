"""Errors as text, for clients that print what they are told."""

from __future__ import annotations

from flask import Response

from app.errors import RangeNotSatisfiable, RegistryError, TooLarge, Unauthenticated

_REALM = "Packhouse"


def plain_error(error: RegistryError, sentence: str, *, status: int | str) -> Response:
    """Render an error as one line of text, with what its kind needs beside it.

    Args:
        error: what was refused.
        sentence: what is said of it.
        status: may have a reason phrase of its own.
    """
    response = Response(sentence + "\n", status=status, content_type="text/plain; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, Unauthenticated):
        response.headers["WWW-Authenticate"] = f'Basic realm="{_REALM}"'
    if isinstance(error, RangeNotSatisfiable):
        response.headers["Content-Range"] = f"bytes */{error.size_bytes}"
    if isinstance(error, TooLarge):
        # What is left of the body is not worth reading.
        response.headers["Connection"] = "close"
    return response
