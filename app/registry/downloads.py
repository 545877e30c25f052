"""Find one artifact for a reader, and open it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.auth.principal import Principal
from app.errors import NotFound
from app.extensions import coherence
from app.models import Package, PackageStatus, Version, VersionState, Visibility
from app.models.rows import rows_of
from app.registry.download_counts import Download
from app.registry.formats import format_of
from app.registry.names import PackageName
from app.registry.reading import record_read
from app.registry.resolution import PackageRef, for_read
from app.registry.scopes import Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    """One file of one published version.

    Attributes:
        key: in the object store.
        number: the version's, in normal form.
        is_public: anybody may read it, so a shared cache may keep it.
        download: as which it is counted; None for what only goes with an artifact.
    """

    key: str
    number: str
    filename: str
    size_bytes: int
    sha256: str
    media_type: str
    published_at: datetime
    is_public: bool
    download: Download | None

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
        raise _missing(package)
    record_read(principal, package, file=filename)
    return found


def _artifact(package: PackageRef, filename: str) -> Artifact | None:
    is_public = package.repository.visibility is Visibility.PUBLIC

    def load() -> Artifact | None:
        coherence.depends_on(package.name.tag)
        where = {
            "package": package.id,
            "state": VersionState.PUBLISHED,
            "files.filename": filename,
        }
        if format_of(package.name.protocol).hides_yanked:
            where["is_yanked"] = {"$ne": True}
        if _quarantine(package) is not None:
            return None
        row = rows_of(Version).find_one(
            where,
            {
                "files": {"$elemMatch": {"filename": filename}},
                "published_at": 1,
                "number": 1,
                "display_number": 1,
            },
        )
        if row is None:
            return None
        [file] = row["files"]
        is_upload = not file.get("derived_from")
        return Artifact(
            key=file["key"],
            filename=filename,
            size_bytes=file["size_bytes"],
            sha256=file["sha256"],
            media_type=file["media_type"],
            published_at=file.get("published_at") or row["published_at"],
            is_public=is_public,
            number=row["number"],
            download=Download(package.id, row["display_number"]) if is_upload else None,
        )

    return coherence.cached(("artifact", package.id, filename, is_public), load)


def _missing(package: PackageRef) -> NotFound:
    """Say why there is no such file: who reads by a lockfile sees no page that would tell."""
    quarantine = _quarantine(package)
    if quarantine is None:
        return NotFound()
    because = f" ({quarantine})" if quarantine else ""
    return NotFound(f"{package.name.display} is quarantined{because} and gives no files.")


def _quarantine(package: PackageRef) -> str | None:
    """Return the reason for which a package is quarantined; none where it is not."""
    where = {"_id": package.id, "status": PackageStatus.QUARANTINED}
    row = rows_of(Package).find_one(where, {"status_reason": 1})
    return None if row is None else row.get("status_reason") or ""
