"""Find a gem by the name of its file, which holds name, version and platform.

Where one ends and the next begins cannot be seen: ``a-1-b-2`` is version 1 of ``a`` for the
platform ``b-2``, or version 2 of ``a-1-b``. So each gem that it could be is asked for a file of
exactly this name, and none can be pushed whose file could be taken for that of another, which
may be another organization's, or come later: of the ways to read the name of a file, only the one
with the shortest name of a gem is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from app.auth.principal import Principal
from app.errors import Conflict, NotFound, Unauthenticated
from app.models import Version, VersionState
from app.models.rows import rows_of
from app.protocols.rubygems import platforms
from app.protocols.rubygems.gem_versions import is_version
from app.protocols.rubygems.identity import shared_name
from app.protocols.rubygems.names import is_gem_name
from app.protocols.rubygems.platforms import RUBY
from app.registry import downloads, resolution
from app.registry.downloads import Artifact
from app.registry.names import PackageName
from app.registry.resolution import PublishTarget
from app.registry.scopes import Scope, ScopeKind

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
    asks_to_sign_in = None
    for name in names_of(filename):
        try:
            artifact = downloads.find_artifact(principal, scope, name, filename)
            return FoundGem(name=name, artifact=artifact)
        except Unauthenticated as error:
            asks_to_sign_in = error
        except NotFound:
            continue
    if asks_to_sign_in is not None:
        raise asks_to_sign_in
    raise NotFound("This gem could not be found.")


def names_of(filename: str) -> Iterator[PackageName]:
    """Yield the names of the gems that a file could be of, the longest first."""
    if _FILENAME.fullmatch(filename) is None:
        return
    for place in reversed(list(_BEFORE_VERSION.finditer(filename))):
        yield shared_name(filename[: place.start()])


def require_own_filename(scope: Scope, target: PublishTarget, filename: str) -> None:
    """Refuse a gem whose file is called as that of another, or could be.

    Raises:
        Conflict: it says which.
    """
    for name in names_of(filename):
        if len(name.normal) < len(target.name.normal) and _is_file_of(name.normal, filename):
            raise Conflict(
                f"{filename} could be a file of the gem {name.display} for a platform. "
                "Choose another name, or another version."
            )
    around = replace(
        scope,
        kind=ScopeKind.ORGANIZATION,
        organization=target.repository.organization_slug,
        repository="",
    )
    for name in names_of(filename):
        if name.normal == target.name.normal:
            continue
        package = resolution.locate(around, name)
        taken = package is not None and rows_of(Version).find_one(
            {
                "package": package.id,
                "state": VersionState.PUBLISHED,
                "files.filename": filename,
            },
            {"_id": 1},
        )
        if taken:
            raise Conflict(
                f"{filename} is a file of the gem {name.display} already. "
                "Choose another version or platform."
            )


def _is_file_of(name: str, filename: str) -> bool:
    """Whether a gem of this name could have the file, for a platform."""
    version, _, platform = filename.removesuffix(".gem")[len(name) + 1 :].partition("-")
    return (
        is_gem_name(name)
        and is_version(version)
        and platform != RUBY
        and platforms.is_platform(platform)
        and platforms.normalised(platform) == platform
    )
