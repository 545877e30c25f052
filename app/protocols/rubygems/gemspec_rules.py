"""What a specification has to be like before it may be published.

Much of it becomes part of a line of an index, where a blank, comma, colon, ampersand, pipe or
newline would begin something else, in the name of other versions. So every such value is held
to the characters that it needs.

Spec: RubyGems, "Specification Reference"; the limits are those of the public registry.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import date

from app.errors import InvalidInput
from app.protocols.rubygems import gem_versions, platforms
from app.protocols.rubygems.gemspec import GemDependency, GemSpecification
from app.protocols.rubygems.names import is_gem_name, require_gem_name

MAX_METADATA_KEY_LENGTH = 128
MAX_METADATA_VALUE_LENGTH = 1024
MAX_REQUIREMENTS = 64
MAX_DEPENDENCIES = 1024
MAX_DEPENDENCIES_LENGTH = 64_000
"""Of all of them together: each client, and each push, reads those of all versions of a gem."""
MAX_TEXT_LENGTH = 64_000
MAX_BYTES = 1024**2
"""Of all that is kept of a specification."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SHOWN_LENGTH = 80


def require_publishable(spec: GemSpecification) -> None:
    """Let a specification pass that may be published.

    Raises:
        InvalidInput: it may not; the message says why, and what to do.
    """
    require_gem_name(spec.name)
    _require_version(spec)
    _require_platform(spec)
    _require_requirements(spec.required_ruby_version, "required_ruby_version")
    _require_requirements(spec.required_rubygems_version, "required_rubygems_version")
    _require_dependencies(spec.dependencies)
    _require_metadata(spec)
    _require_size(spec)
    if not any(author.strip() for author in spec.authors):
        raise InvalidInput("The gem has no authors. Set authors in its gemspec.")
    if not _is_date(spec.date):
        raise InvalidInput(f"The gem's date {shown(spec.date)} is no date. Set it as 2026-01-31.")


def shown(value: str) -> str:
    """Quote a value within a message; a long one is shortened."""
    return repr(value if len(value) <= _SHOWN_LENGTH else value[:_SHOWN_LENGTH] + "…")


def _require_version(spec: GemSpecification) -> None:
    if not gem_versions.is_version(spec.version) or "-" in spec.version:
        raise InvalidInput(
            f"{shown(spec.version)} is not a version of a gem. Use numbers and words with dots "
            f"between them, such as 1.0.0 or 2.0.0.rc1, {gem_versions.MAX_LENGTH} characters at "
            "most."
        )
    built_with = spec.rubygems_version
    if built_with and not gem_versions.is_version(built_with):
        raise InvalidInput(
            f"{shown(built_with)} is not a version of RubyGems. Build the gem with gem build."
        )


def _require_platform(spec: GemSpecification) -> None:
    for platform in (spec.platform, spec.original_platform):
        if not platforms.is_platform(platform):
            raise InvalidInput(
                f"{shown(platform)} is not a platform. Use one such as ruby, java or x86_64-linux."
            )
    # Some clients would ask for a file by one of the two, and some by the other.
    if spec.original_platform != spec.platform:
        raise InvalidInput(
            f"The platform {shown(spec.original_platform)} is {shown(spec.platform)} to RubyGems. "
            "Set it so in the gemspec, and build the gem again."
        )


def _require_requirements(requirements: tuple[str, ...], what: str) -> None:
    if not 0 < len(requirements) <= MAX_REQUIREMENTS:
        raise InvalidInput(f"{what} has to be 1 to {MAX_REQUIREMENTS} requirements.")
    for requirement in requirements:
        if not gem_versions.is_requirement(requirement):
            raise InvalidInput(
                f"{shown(requirement)} in {what} is not a requirement. Use an operator and a "
                "version, such as '>= 1.0' or '~> 2.3'."
            )


def _require_dependencies(dependencies: tuple[GemDependency, ...]) -> None:
    if len(dependencies) > MAX_DEPENDENCIES:
        raise InvalidInput(f"The gem has more than {MAX_DEPENDENCIES} dependencies.")
    for (name, kind), count in Counter((one.name, one.kind) for one in dependencies).items():
        if not is_gem_name(name):
            raise InvalidInput(
                f"The gem depends on {shown(name)}, which is not a name that a gem can have."
            )
        if count > 1:
            raise InvalidInput(
                f"The gem has {count} {kind} dependencies on {name}. Put all requirements in one."
            )
    for one in dependencies:
        _require_requirements(one.requirements, f"the dependency on {one.name}")
    if sum(len(one.name) + sum(map(len, one.requirements)) for one in dependencies) > (
        MAX_DEPENDENCIES_LENGTH
    ):
        raise InvalidInput(
            f"The gem's dependencies have more than {MAX_DEPENDENCIES_LENGTH} characters."
        )


def _require_metadata(spec: GemSpecification) -> None:
    for key, value in spec.metadata.items():
        if not 0 < len(key) <= MAX_METADATA_KEY_LENGTH or len(value) > MAX_METADATA_VALUE_LENGTH:
            raise InvalidInput(
                f"The metadata {shown(key)} is too long, or has no name. A name may have "
                f"{MAX_METADATA_KEY_LENGTH} characters, a value {MAX_METADATA_VALUE_LENGTH}."
            )


def _require_size(spec: GemSpecification) -> None:
    for what, text in (("summary", spec.summary), ("description", spec.description)):
        if len(text) > MAX_TEXT_LENGTH:
            raise InvalidInput(
                f"The gem's {what} has more than {MAX_TEXT_LENGTH} characters. Shorten it."
            )
    if len(spec.to_json()) > MAX_BYTES:
        raise InvalidInput(
            f"The gem's specification has more than {MAX_BYTES} bytes beside its list of files. "
            "Shorten it."
        )


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
