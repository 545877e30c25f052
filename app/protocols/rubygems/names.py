"""Names of gems.

Spec: RubyGems, ``Gem::Specification::VALID_NAME_PATTERN``; stricter at both ends, so that no
name can be taken for a path or for a file.
"""

from __future__ import annotations

import re

from app.errors import InvalidInput

MAX_LENGTH = 128
"""Of a name; with version and platform it makes the name of a file."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_LETTER = re.compile(r"[A-Za-z]", re.ASCII)
_SHOWN = 80


def is_gem_name(text: str) -> bool:
    """Whether a gem may be called so."""
    return (
        len(text) <= MAX_LENGTH
        and _NAME.fullmatch(text) is not None
        and _LETTER.search(text) is not None
        and not text.lower().endswith(".gem")
    )


def require_gem_name(text: str) -> None:
    """Make sure that a gem may be called so.

    Raises:
        InvalidInput: it may not.
    """
    if not is_gem_name(text):
        raise InvalidInput(
            f"{text[:_SHOWN]!r} is not a gem name. Use at most {MAX_LENGTH} ASCII letters, digits, "
            "'-', '_' and '.', at least one of them a letter, and begin and end with a letter or "
            "a digit."
        )
