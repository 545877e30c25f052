"""Versions as the management API and the pages see them: files, READMEs, dependencies.

Everywhere ``number`` is as the version's publisher spells it, or in the format's normal form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.access import Action
from app.auth.principal import Principal
from app.errors import Conflict
from app.registry.formats import Dependency, format_of
from app.registry.listing import Page, PageRequest, slice_page
from app.registry.package_management import FoundPackage, find, unless_stale
from app.registry.stored_versions import StoredVersions, version_row
from app.registry.version_views import FileView, VersionSource, VersionView
from app.registry.yanking import yank_version

_STORED = StoredVersions()


@dataclass(frozen=True, kw_only=True)
class Readme:
    """A version's README, as it is in the artifact; empty where it has none."""

    text: str


def list_versions(principal: Principal, package: str, page: PageRequest) -> Page[VersionView]:
    """Return a package's versions, in the format's order.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for ``package_management.find``.
    """
    found = find(principal, package, Action.READ)
    return _versions_of(found).page(found.ref, page)


def get_version(principal: Principal, package: str, number: str) -> VersionView:
    """Return one version.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for ``package_management.find``.
    """
    found = find(principal, package, Action.READ)
    return _versions_of(found).get(found.ref, number)


def delete_version(
    principal: Principal, package: str, number: str, *, check: Callable[[VersionView], None]
) -> None:
    """Delete one version; only what is mutable by nature can be published again.

    Args:
        principal: a maintainer of the repository.
        package: id.
        number: see above.
        check: raises where the version is not what the caller thinks.

    Raises:
        Unauthenticated, NotFound: as for ``package_management.find``.
        Forbidden: the caller may not.
    """

    def attempt() -> None:
        found = find(principal, package, Action.DELETE)
        versions = _versions_of(found)
        check(versions.get(found.ref, number))
        versions.delete(principal, found.ref, number, expected_revision=found.row["revision"])

    unless_stale(attempt)


def set_yanked(
    principal: Principal, package: str, number: str, *, yanked: bool, reason: str = ""
) -> VersionView:
    """Yank a version, so that nothing new begins to use it, or take that back.

    Args:
        principal: a maintainer of the repository.
        package: id.
        number: see above.
        yanked: whether it is to be.
        reason: shown to those who use it.

    Raises:
        Unauthenticated, NotFound: as for ``package_management.find``.
        Forbidden: the caller may not.
        Conflict: versions of this format cannot be yanked; the message says what to do.
    """
    found = find(principal, package, Action.MAINTAIN)
    _versions_of(found).get(found.ref, number)
    instead = format_of(found.row["protocol"]).instead_of_yanking
    if instead:
        raise Conflict(instead)
    row = version_row(found.ref, number, without=("readme", "manifest", "facts"))
    yank_version(principal, found.ref, row["number"], yanked=yanked, reason=reason)
    return _STORED.get(found.ref, number)


def list_files(
    principal: Principal, package: str, number: str, page: PageRequest
) -> Page[FileView]:
    """Return a version's artifacts, by file name.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for ``package_management.find``.
    """
    found = find(principal, package, Action.READ)
    files = _versions_of(found).files(found.ref, number)
    return slice_page(files, lambda one: (one.filename,), page)


def get_readme(principal: Principal, package: str, number: str) -> Readme:
    """Return a version's README.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for ``package_management.find``.
    """
    found = find(principal, package, Action.READ)
    return Readme(text=_versions_of(found).readme(found.ref, number))


def list_dependencies(
    principal: Principal, package: str, number: str, page: PageRequest
) -> Page[Dependency]:
    """Return what a version says that it needs, by kind and name.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for ``package_management.find``.
    """
    found = find(principal, package, Action.READ)
    needed = _versions_of(found).dependencies(found.ref, number)
    return slice_page(needed, lambda one: (one.kind, one.name), page)


def _versions_of(found: FoundPackage) -> VersionSource:
    return format_of(found.row["protocol"]).versions or _STORED
