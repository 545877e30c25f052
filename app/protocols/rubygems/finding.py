"""Find a gem by the name of its file, which holds name, version and platform.

Where one ends and the next begins cannot be seen: ``a-1-x86-linux-2`` is version 1 of ``a`` for
the platform ``x86-linux-2``, or version 2 of ``a-1-x86-linux``. So of all ways to read the name
of a file only the one with the shortest name of a gem counts, and no gem can be pushed whose file
would be taken for that of another, which may be another organization's, or come later.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.auth.principal import Principal
from app.errors import Conflict, NotFound
from app.protocols.rubygems import platforms
from app.protocols.rubygems.gem_versions import is_version
from app.protocols.rubygems.identity import shared_name
from app.protocols.rubygems.names import is_gem_name
from app.protocols.rubygems.platforms import RUBY
from app.registry import downloads
from app.registry.downloads import Artifact
from app.registry.names import PackageName
from app.registry.scopes import Scope

_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,400}\.gem")
_BEFORE_VERSION = re.compile(r"-(?=[0-9])")


@dataclass(frozen=True, kw_only=True)
class FoundGem:
    """A gem's name, and its file."""

    name: PackageName
    artifact: Artifact


def find_gem(principal: Principal, scope: Scope, filename: str) -> FoundGem:
    """Return the gem whose file is called so.

    Raises:
        Unauthenticated: the caller is anonymous, and it could be private.
        NotFound: there is none, or the caller may not know of it.
    """
    missing = NotFound("This gem could not be found.")
    gem = name_of(filename)
    if gem is None:
        raise missing
    name = shared_name(gem)
    try:
        artifact = downloads.find_artifact(principal, scope, name, filename)
    except NotFound as error:
        raise missing from error
    return FoundGem(name=name, artifact=artifact)


def name_of(filename: str) -> str | None:
    """Return the name of the gem that has a file of this name; none where no gem can."""
    if _FILENAME.fullmatch(filename) is None:
        return None
    full_name = filename.removesuffix(".gem")
    for place in _BEFORE_VERSION.finditer(full_name):
        name, number = full_name[: place.start()], full_name[place.end() :]
        if is_gem_name(name) and _is_number(number):
            return name
    return None


def require_own_filename(name: str, filename: str) -> None:
    """Refuse a gem whose file would be taken for that of another.

    Raises:
        Conflict: it says which.
    """
    other = name_of(filename)
    if other != name:
        raise Conflict(
            f"{filename} could be a file of the gem {other} for a platform. "
            "Choose another name, or another version."
        )


def _is_number(text: str) -> bool:
    """Whether a gem may have this version, for a platform where one follows."""
    version, dash, platform = text.partition("-")
    return is_version(version) and (
        not dash
        or (
            platform != RUBY
            and platforms.is_platform(platform)
            and platforms.normalised(platform) == platform
        )
    )
