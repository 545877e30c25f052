"""Versions and requirements of gems, as ``Gem::Version`` and ``Gem::Requirement`` see them.

Blanks and newlines around a version, which Ruby drops, are refused: in an index they would
begin another field.

Spec: RubyGems, ``Gem::Version``, "Specification".
"""

from __future__ import annotations

import re
from functools import lru_cache

MAX_LENGTH = 64

ANY = ">= 0"
"""The requirement that every version meets."""

Segment = int | str
SortKey = tuple[tuple[int, int, int, str], ...]

_VERSION = re.compile(r"[0-9]+(?:\.[0-9A-Za-z]+)*")
_SEGMENT = re.compile(r"[0-9]+|[A-Za-z]+")
_LETTER = re.compile(r"[A-Za-z]")
_REQUIREMENT = re.compile(r"(?:=|!=|>|<|>=|<=|~>) ([0-9A-Za-z.]+)")

# What may stand next in a version, lowest first.
_LETTERS, _END, _NUMBER = -1, 0, 1


def is_version(text: str) -> bool:
    """Whether a text is a version that a gem may have, in any spelling."""
    return len(text) <= MAX_LENGTH and _VERSION.fullmatch(normalised(text)) is not None


def normalised(version: str) -> str:
    """Write a version as RubyGems does: ``1.0-beta`` is ``1.0.pre.beta``."""
    return version.replace("-", ".pre.")


def canonical(version: str) -> str:
    """Return the same version for all that are equal, such as ``1.0`` and ``1``."""
    segments = _canonical_segments(version)
    if not segments or isinstance(segments[0], str):
        segments = [0, *segments]
    return ".".join(map(str, segments))


def is_prerelease(version: str) -> bool:
    """Whether a version comes before the release of its number: it has a letter."""
    return _LETTER.search(normalised(version)) is not None


@lru_cache(maxsize=65536)
def sort_key(version: str) -> SortKey:
    """Return by what versions are sorted; equal versions have equal keys.

    A version goes on with zeros for ever, and letters come before zero. So what counts is the
    next segment that is not zero, and how many zeros there are before it: the more of them, the
    lower is a number, and the higher are letters.
    """
    key = []
    zeros = 0
    for segment in _canonical_segments(version):
        if segment == 0:
            zeros += 1
            continue
        if isinstance(segment, str):
            key.append((_LETTERS, zeros, 0, segment))
        else:
            key.append((_NUMBER, -zeros, segment, ""))
        zeros = 0
    return *key, (_END, 0, 0, "")


def is_requirement(text: str) -> bool:
    """Whether a text is a requirement as RubyGems writes it: ``>= 1.0``."""
    match = _REQUIREMENT.fullmatch(text)
    return match is not None and is_version(match[1])


def split_requirement(requirement: str) -> tuple[str, str]:
    """Return the operator and the version of a requirement."""
    operator, _, version = requirement.partition(" ")
    return operator, version


def _canonical_segments(version: str) -> list[Segment]:
    """Return the segments without the zeros that say nothing: before letters, and at the end."""
    numbers: list[Segment] = []
    others: list[Segment] = []
    for text in _SEGMENT.findall(normalised(version)):
        if not text.isdigit():
            others.append(text)
        elif others:
            others.append(int(text))
        else:
            numbers.append(int(text))
    return [*_without_last_zeros(numbers), *_without_last_zeros(others)]


def _without_last_zeros(segments: list[Segment]) -> list[Segment]:
    end = len(segments)
    while end and segments[end - 1] == 0:
        end -= 1
    return segments[:end]
