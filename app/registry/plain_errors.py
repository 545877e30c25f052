"""Errors as text, for clients that print what they are told."""

from __future__ import annotations

import re

from flask import Response

from app.errors import RangeNotSatisfiable, RegistryError, TooLarge, Unauthenticated

_REALM = "Packhouse"
_LONGEST_PHRASE = 200
_NOT_IN_A_PHRASE = re.compile(r"[^\x20-\x7e\xa0-\xff]+")


def plain_error(error: RegistryError, sentence: str, *, status: int) -> Response:
    """Render an error as one line of text, with what its kind needs beside it.

    The sentence is the reason phrase, too: twine, pip, gem install and Bundler show only that.

    Args:
        error: what was refused.
        sentence: what is said of it.
        status: of the answer.
    """
    response = Response(
        sentence + "\n",
        status=f"{status} {_phrase(sentence)}",
        content_type="text/plain; charset=utf-8",
    )
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


def _phrase(sentence: str) -> str:
    """Return what a status line can hold of a sentence: Latin-1, one line, not too long."""
    return _NOT_IN_A_PHRASE.sub("?", sentence)[:_LONGEST_PHRASE].strip()
