"""What is shown of versions, and what a format has to say about its own.

Most formats publish versions, which are rows of their own: ``stored_versions`` knows those. What
a format keeps in another way, such as the tags of images, it shows by a ``VersionSource``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from app.registry.people import UserSummary

if TYPE_CHECKING:
    from app.auth.principal import Principal
    from app.registry.formats import Dependency
    from app.registry.listing import Page, PageRequest
    from app.registry.resolution import PackageRef


@dataclass(frozen=True, kw_only=True)
class VersionView:
    """A version as it is shown; ``number`` is as its publisher spells it."""

    package_id: str
    number: str
    deprecated: str
    is_yanked: bool
    yank_reason: str
    size_bytes: int
    published_by: UserSummary | None
    published_at: datetime


@dataclass(frozen=True, kw_only=True)
class FileView:
    """One artifact of a version; digests are hexadecimal."""

    filename: str
    size_bytes: int
    media_type: str
    sha256: str
    sha1: str = ""
    sha512: str = ""
    md5: str = ""


class VersionSource(Protocol):
    """The versions of packages that the caller may read.

    Every method with a number raises ``NotFound`` where the package has no such version.
    """

    def page(self, package: PackageRef, page: PageRequest) -> Page[VersionView]:
        """Return versions in a fixed order."""

    def get(self, package: PackageRef, number: str) -> VersionView:
        """Return one version."""

    def files(self, package: PackageRef, number: str) -> Sequence[FileView]:
        """Return a version's artifacts, in any order."""

    def readme(self, package: PackageRef, number: str) -> str:
        """Return a version's README; empty where it has none."""

    def dependencies(self, package: PackageRef, number: str) -> Sequence[Dependency]:
        """Return what a version says that it needs, in any order."""

    def delete(
        self, principal: Principal, package: PackageRef, number: str, *, expected_revision: int
    ) -> None:
        """Delete one version.

        Raises:
            StaleRevision: the package has changed since the caller looked.
        """
