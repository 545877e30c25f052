"""Errors as gem prints them, whatever the status: one or two plain sentences.

What it prints is the body where it pushes, and the reason phrase where it reads.
"""

from __future__ import annotations

from flask import Response

from app.errors import NameTooSimilar, RegistryError, UnprocessableInput, VersionExists
from app.registry.plain_errors import plain_error

_CONFLICT = 409


def render_error(error: RegistryError) -> Response:
    """Render an error."""
    status = _CONFLICT if isinstance(error, NameTooSimilar) else error.status
    return plain_error(error, _sentence(error), status=status)


def _sentence(error: RegistryError) -> str:
    if isinstance(error, UnprocessableInput) and error.fields:
        return " ".join(f"{at.strip('/')}: {why}" for at, why in error.fields.items())
    if not isinstance(error, VersionExists):
        return error.message
    if error.is_withdrawn:
        return (
            f"A yanked version already exists ({error.name}-{error.number}). "
            "Repushing of gem versions is not allowed: choose another version number."
        )
    return (
        "Repushing of gem versions is not allowed. "
        f"{error.name} {error.number} is there already: choose another version number."
    )
