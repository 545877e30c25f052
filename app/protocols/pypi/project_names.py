"""Names of projects. Spec: packaging.python.org, "Names and normalization"."""

from __future__ import annotations

import re

from app.errors import InvalidInput

MAX_LENGTH = 100

# Of ASCII alone: with IGNORECASE a pattern would take the long s and the Kelvin sign, too.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_SEPARATORS = re.compile(r"[-_.]+")
_SHOWN = 80


def normalize(name: str) -> str:
    """Return a name in normal form: by which it is known, whatever its spelling.

    Raises:
        InvalidInput: no project can have this name.
    """
    if len(name) > MAX_LENGTH or _NAME.fullmatch(name) is None:
        raise InvalidInput(
            f"{name[:_SHOWN]!r} is not a project name. Use at most {MAX_LENGTH} ASCII letters, "
            "digits, '-', '_' and '.', and begin and end with a letter or a digit."
        )
    return _SEPARATORS.sub("-", name).lower()
