"""Slugs: the names of organizations, repositories and teams in URLs."""

from __future__ import annotations

import re

from app.errors import UnprocessableInput
from app.registry.reserved_words import RESERVED_SLUGS

LONGEST_SLUG = 64
_SLUG = re.compile("[a-z0-9]+(?:[._-][a-z0-9]+)*")


def require_slug(text: str, *, field: str) -> None:
    """Let a slug pass; it can be a component of an OCI name and an npm scope.

    Args:
        text: lower-case words of letters and digits, joined by single ``.``, ``_`` or ``-``.
        field: JSON pointer of the slug in the request, for the error.

    Raises:
        UnprocessableInput: it is none.
    """
    if len(text) <= LONGEST_SLUG and _SLUG.fullmatch(text):
        return
    raise UnprocessableInput(
        "This is not a slug.",
        {
            field: f"Use at most {LONGEST_SLUG} of a-z and 0-9, with single '.', '_' or '-' "
            "between them."
        },
    )


def require_organization_slug(text: str) -> None:
    """Let a slug pass that an organization may have.

    Raises:
        UnprocessableInput: it is no slug, or one of the registry's own words.
    """
    require_slug(text, field="/slug")
    if text in RESERVED_SLUGS:
        raise UnprocessableInput(
            "This slug is reserved.",
            {"/slug": f"'{text}' is one of the registry's own words. Choose another name."},
        )
