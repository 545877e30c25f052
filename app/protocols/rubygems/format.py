"""What use cases that serve every format need to know of RubyGems.

A version of the registry is one gem: a number, and a platform where it is for one. In normal
form the number is canonical, so that ``1.0`` and ``1`` are the same.
"""

from __future__ import annotations

from typing import Any

from app.protocols.rubygems import index_log
from app.protocols.rubygems.gem_versions import is_prerelease, sort_key
from app.protocols.rubygems.gemspec import GemSpecification
from app.protocols.rubygems.identity import PROTOCOL_NAME
from app.protocols.rubygems.platforms import RUBY
from app.registry.formats import Dependency, PackageFormat


def number_of(version: str, platform: str) -> str:
    """Write a version with its platform, as the indexes do: ``1.2.0-java``."""
    return version if platform == RUBY else f"{version}-{platform}"


def split_number(number: str) -> tuple[str, str]:
    """Take a number apart into version and platform: no version holds a ``-``."""
    version, _, platform = number.partition("-")
    return version, platform or RUBY


def precedence(number: str) -> tuple[bool, Any, bool]:
    """Return by what gems are compared: released ones first, then those for every platform."""
    version, platform = split_number(number)
    return not is_prerelease(version), sort_key(version), platform == RUBY


def _name_of_purl(namespace: str, name: str) -> str:
    """Spec: purl-spec, "gem": there is no namespace."""
    del namespace
    return name


def _dependencies(manifest: bytes) -> tuple[Dependency, ...]:
    """Read a specification that was checked when it was pushed."""
    return tuple(
        Dependency(name=one.name, requirement=", ".join(one.requirements), kind=one.kind)
        for one in GemSpecification.from_json(manifest).dependencies
    )


FORMAT = PackageFormat(
    name=PROTOCOL_NAME,
    default_tag="",
    instead_of_yanking="",
    purl_type="gem",
    name_of_purl=_name_of_purl,
    dependencies=_dependencies,
    precedence=precedence,
    hides_yanked=True,
    listed=index_log.entry_of,
)
