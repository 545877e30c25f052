"""What a gem says of itself. Spec: RubyGems guides, "Specification Reference"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

import orjson

from app.protocols.rubygems.platforms import RUBY

RUNTIME = "runtime"
DEVELOPMENT = "development"


@dataclass(frozen=True, kw_only=True)
class GemDependency:
    """A gem that another needs.

    Attributes:
        requirements: each an operator and a version: ``>= 1.0``.
        kind: ``runtime`` or ``development``.
    """

    name: str
    requirements: tuple[str, ...]
    kind: str


@dataclass(frozen=True, kw_only=True)
class GemSpecification:
    """A gem's specification.

    Before it goes into an index it is checked; see ``gemspec_rules``.

    Attributes:
        version: as RubyGems writes it; holds no ``-``.
        email: one address or a list of them, as its author wrote it.
        platform: in normal form; ``ruby`` for all.
        original_platform: as its author wrote it.
        required_ruby_version: requirements, as those of a dependency.
        required_rubygems_version: likewise.
        rubygems_version: the one that built it; empty where it does not say.
        date: ``YYYY-MM-DD``.
        is_signed: it names certificates, so that there are signatures.
    """

    name: str
    version: str
    platform: str
    original_platform: str
    summary: str
    description: str
    authors: tuple[str, ...]
    email: str | tuple[str, ...]
    homepage: str
    licenses: tuple[str, ...]
    metadata: Mapping[str, str]
    required_ruby_version: tuple[str, ...]
    required_rubygems_version: tuple[str, ...]
    dependencies: tuple[GemDependency, ...]
    rubygems_version: str
    date: str
    is_signed: bool = False

    @property
    def full_name(self) -> str:
        """Return name, version and, where it is for one only, the platform."""
        suffix = "" if self.platform == RUBY else f"-{self.platform}"
        return f"{self.name}-{self.version}{suffix}"

    @property
    def filename(self) -> str:
        """Return the name of the gem's file."""
        return f"{self.full_name}.gem"

    def to_json(self) -> bytes:
        """Return it as JSON, for ``Version.manifest``."""
        return orjson.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Read what :meth:`to_json` wrote."""
        fields = orjson.loads(text)
        dependencies = tuple(
            GemDependency(
                name=one["name"], requirements=tuple(one["requirements"]), kind=one["kind"]
            )
            for one in fields.pop("dependencies")
        )
        for name, value in fields.items():
            if isinstance(value, list):
                fields[name] = tuple(value)
        return cls(dependencies=dependencies, **fields)
