"""Semantic version numbers, as strictly as node-semver reads them.

Spec: semver 2.0.0. node-semver's own limits are kept: 256 characters, and numbers that a
JavaScript number holds exactly. (The library ``semantic_version`` takes any Unicode digit,
a trailing newline and numbers of any size, so clients would not agree with it.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

MAX_LENGTH = 256
MAX_NUMBER = 2**53 - 1

NUMBER = r"(?:0|[1-9][0-9]*)"
_IDENTIFIER = rf"(?:[0-9]*[A-Za-z-][0-9A-Za-z-]*|{NUMBER})"
PRERELEASE = rf"{_IDENTIFIER}(?:\.{_IDENTIFIER})*"
BUILD = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"

_VERSION = re.compile(
    rf"({NUMBER})\.({NUMBER})\.({NUMBER})(?:-({PRERELEASE}))?(?:\+({BUILD}))?", re.ASCII
)

Precedence = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]


class InvalidVersion(ValueError):
    """This is no semantic version."""


@dataclass(frozen=True)
class Version:
    """One version.

    Attributes:
        prerelease: ``rc.1``; empty for a release.
        build: ``sha.5114f85``; says nothing about precedence or identity in npm.
    """

    major: int
    minor: int
    patch: int
    prerelease: str = ""
    build: str = ""

    @property
    def key(self) -> str:
        """Return the version without build metadata: what npm knows it by."""
        release = f"{self.major}.{self.minor}.{self.patch}"
        return f"{release}-{self.prerelease}" if self.prerelease else release

    @property
    def text(self) -> str:
        """Return the version as its publisher spelt it."""
        return f"{self.key}+{self.build}" if self.build else self.key

    @property
    def release(self) -> tuple[int, int, int]:
        """Return the three numbers."""
        return self.major, self.minor, self.patch

    @cached_property
    def precedence(self) -> Precedence:
        """Return what versions are compared by: a prerelease comes before its release."""
        identifiers = self.prerelease.split(".") if self.prerelease else []
        return (*self.release, not identifiers, tuple(map(_identifier_precedence, identifiers)))


def parse(raw: str) -> Version:
    """Read a version, strictly: no ``v``, no blanks, no missing or leading digits.

    Raises:
        InvalidVersion: it is not one.
    """
    match = _VERSION.fullmatch(raw) if len(raw) <= MAX_LENGTH else None
    if match is None:
        raise InvalidVersion(raw[:MAX_LENGTH])
    major, minor, patch, prerelease, build = match.groups(default="")
    version = Version(int(major), int(minor), int(patch), prerelease, build)
    if max(version.release) > MAX_NUMBER:
        raise InvalidVersion(raw)
    return version


def _identifier_precedence(identifier: str) -> tuple[bool, int, str]:
    """Numeric identifiers compare as numbers, and come before all others."""
    if identifier.isdigit():
        return False, int(identifier), ""
    return True, 0, identifier
