"""Errors as Python's clients show them: one sentence, as text and as reason phrase.

twine prints the reason phrase, uv the body, poetry both.
"""

from __future__ import annotations

from flask import Response

from app.errors import FileExists, RegistryError, VersionExists
from app.registry.plain_errors import plain_error

_BAD_REQUEST = 400


def render_error(error: RegistryError) -> Response:
    """Render an error."""
    return plain_error(error, _sentence(error), status=_status(error))


def _status(error: RegistryError) -> int:
    # What clients take for "already there": PyPI's own status and words.
    return _BAD_REQUEST if isinstance(error, FileExists | VersionExists) else error.status


def _sentence(error: RegistryError) -> str:
    if isinstance(error, FileExists):
        return (
            f"File already exists ({error.filename!r}). Files are immutable: "
            "publish what has changed as a new version."
        )
    if isinstance(error, VersionExists):
        return (
            "This filename was previously used by a file that has since been deleted. "
            "Use a different version."
        )
    return error.message
