"""Slugs: the names of organizations, repositories and teams in URLs."""

from __future__ import annotations

import re

from app.errors import UnprocessableInput

LONGEST_SLUG = 64
_SLUG = re.compile("[a-z0-9]+(?:[._-][a-z0-9]+)*")

RESERVED_WORDS = frozenset(
    {
        ".well-known", "_", "admin", "api", "auth", "cargo", "composer", "crates", "favicon.ico",
        "gems", "health", "healthz", "index", "info", "latest", "latest_specs.4.8.gz", "legacy",
        "library", "livez", "maven", "maven2", "me", "metrics", "names", "npm", "o", "oci", "p",
        "p2", "packages.json", "prerelease_specs.4.8.gz", "pypi", "quick", "r", "readyz",
        "robots.txt", "rubygems", "simple", "specs.4.8.gz", "static", "token", "ui", "v2",
        "versions",
    }
)  # fmt: skip
"""First segments of paths that are the registry's own; no organization is called so."""


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
    if text in RESERVED_WORDS:
        raise UnprocessableInput(
            "This slug is reserved.",
            {"/slug": f"'{text}' is one of the registry's own paths. Choose another name."},
        )
