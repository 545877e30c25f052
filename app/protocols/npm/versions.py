"""What may be published as a version, and what may be a tag."""

from __future__ import annotations

import re

from app.errors import InvalidInput
from app.protocols.npm import semver
from app.protocols.npm.ranges import is_range
from app.protocols.npm.semver import Version

MAX_TAG_LENGTH = 214

# npm takes no tag in which encodeURIComponent would change something; it drops a ``*`` from
# what it cannot read otherwise, so a tag with one might mean a version.
_TAG = re.compile(r"[A-Za-z0-9_.!~'()-]+")
_SHOWN = 80


def parse_version(raw: str) -> Version:
    """Read the number of a version to publish.

    Raises:
        InvalidInput: it is not a semantic version.
    """
    try:
        return semver.parse(raw)
    except semver.InvalidVersion as error:
        raise InvalidInput(
            f"{raw[:_SHOWN]!r} is not a semantic version. Use three numbers, such as 1.4.0 or "
            f"2.0.0-rc.1, in at most {semver.MAX_LENGTH} characters."
        ) from error


def normalise(raw: str) -> str:
    """Return the key of a version: what is left without build metadata.

    Raises:
        InvalidInput: as for :func:`parse_version`.
    """
    return parse_version(raw).key


def is_valid_tag(raw: str) -> bool:
    """Whether npm could use this as a tag: it never looks like a version or a range."""
    return (
        len(raw) <= MAX_TAG_LENGTH
        and _TAG.fullmatch(raw) is not None
        and raw not in {".", ".."}
        and not is_range(raw)
    )


def require_tag(raw: str) -> None:
    """Let a usable tag pass.

    Raises:
        InvalidInput: npm could not use it.
    """
    if not is_valid_tag(raw):
        raise InvalidInput(
            f"{raw[:_SHOWN]!r} cannot be a tag. Use a word that is neither a version nor a range, "
            "such as next, of letters, digits, '-', '_' and '.'."
        )
