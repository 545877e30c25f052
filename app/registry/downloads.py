"""Find one artifact for a reader, and open it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.auth.principal import Principal
from app.errors import NotFound
from app.extensions import coherence
from app.models import Version, VersionState, Visibility
from app.models.rows import rows_of
from app.registry.download_counts import Download
from app.registry.names import PackageName
from app.registry.reading import record_read
from app.registry.resolution import PackageRef, for_read
from app.registry.scopes import Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    """One file of one published version.

    Attributes:
        key: in the object store.
        is_public: anybody may read it, so a shared cache may keep it.
        download: as which it is counted.
    """

    key: str
    filename: str
    size_bytes: int
    sha256: str
    media_type: str
    published_at: datetime
    is_public: bool
    download: Download

    @property
    def etag(self) -> str:
        """Return the strong ETag, quoted."""
        return f'"{self.sha256}"'


def find_artifact(principal: Principal, scope: Scope, name: PackageName, filename: str) -> Artifact:
    """Find the file of a package by its name, for a caller who may read it.

    Raises:
        Unauthenticated, NotFound: as for ``resolution.for_read``; also where no published
            version has such a file.
        Unavailable: as for ``reading.record_read``.
    """
    package = for_read(principal, scope, name)
    found = _artifact(package, filename)
    if found is None:
        raise NotFound
    record_read(principal, package, file=filename)
    return found


def _artifact(package: PackageRef, filename: str) -> Artifact | None:
    is_public = package.repository.visibility is Visibility.PUBLIC

    def load() -> Artifact | None:
        coherence.depends_on(package.name.tag)
        row = rows_of(Version).find_one(
            {
                "package": package.id,
                "state": VersionState.PUBLISHED,
                "files.filename": filename,
            },
            {"files": 1, "published_at": 1, "display_number": 1},
        )
        if row is None:
            return None
        file = next(one for one in row["files"] if one["filename"] == filename)
        return Artifact(
            key=file["key"],
            filename=filename,
            size_bytes=file["size_bytes"],
            sha256=file["sha256"],
            media_type=file["media_type"],
            published_at=row["published_at"],
            is_public=is_public,
            download=Download(package.id, row["display_number"]),
        )

    return coherence.cached(("artifact", package.id, filename, is_public), load)
