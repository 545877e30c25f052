"""The compact index: one line for each version, one file for each gem.

Spec: RubyGems guides, "Compact Index API".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from app.protocols.rubygems.gem_versions import ANY
from app.protocols.rubygems.gemspec import RUNTIME, GemSpecification
from app.protocols.rubygems.platforms import RUBY

_BEGIN = "---\n"


def versions_header(created_at: str) -> bytes:
    """Return how ``/versions`` begins."""
    return f"created_at: {created_at}\n{_BEGIN}".encode()


def versions_line(name: str, numbers: Sequence[str], info: bytes) -> str:
    """Return a line of ``/versions``, without its end.

    Args:
        name: of the gem.
        numbers: with their platforms; with a ``-`` before those that went.
        info: the gem's ``/info`` after that.
    """
    md5 = hashlib.md5(info, usedforsecurity=False).hexdigest()
    return f"{name} {','.join(numbers)} {md5}"


def names_document(names: Iterable[str]) -> bytes:
    """Return ``/names``."""
    return (_BEGIN + "".join(f"{name}\n" for name in names)).encode()


def info_document(lines: Iterable[str]) -> bytes:
    """Return ``/info`` of a gem."""
    return (_BEGIN + "".join(f"{line}\n" for line in lines)).encode()


def info_line(spec: GemSpecification, sha256: str, created_at: datetime) -> str:
    """Return what ``/info`` says of a version, without the line's end.

    Args:
        spec: checked, so that no value in it ends the line or a field of it.
        sha256: of the gem, hexadecimal.
        created_at: when it was published; it may never change.
    """
    platform = "" if spec.platform == RUBY else f"-{spec.platform}"
    needed = sorted(
        (one for one in spec.dependencies if one.kind == RUNTIME), key=lambda one: one.name
    )
    dependencies = ",".join(f"{one.name}:{_joined(one.requirements)}" for one in needed)
    facts = [f"checksum:{sha256}"]
    for key, requirements in (
        ("ruby", spec.required_ruby_version),
        ("rubygems", spec.required_rubygems_version),
    ):
        if requirements != (ANY,):
            facts.append(f"{key}:{_joined(requirements)}")
    facts.append(f"created_at:{created_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    return f"{spec.version}{platform} {dependencies}|{','.join(facts)}"


def _joined(requirements: Sequence[str]) -> str:
    return "&".join(sorted(requirements))
