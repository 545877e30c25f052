"""Versions as the management API and the pages see them: files, READMEs, dependencies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from app import audit
from app.access import Action
from app.auth.principal import Principal
from app.errors import Conflict, NotFound
from app.models import Package, Version, VersionState
from app.models.rows import rows_of
from app.registry import changes, deletion
from app.registry.formats import Dependency, format_of
from app.registry.listing import DOWN, Page, PageRequest, Row, find_page, slice_page
from app.registry.package_management import FoundPackage, find, unless_stale
from app.registry.people import UserSummary, summaries

_UNSHOWN = ("readme", "manifest", "facts")


@dataclass(frozen=True, kw_only=True)
class VersionView:
    """A published version as it is shown; ``number`` is as its publisher spells it."""

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
    sha1: str
    sha512: str
    md5: str


@dataclass(frozen=True, kw_only=True)
class Readme:
    """A version's README, as it is in the artifact; empty where it has none."""

    text: str


def list_versions(principal: Principal, package: str, page: PageRequest) -> Page[VersionView]:
    """Return a package's versions, the newest first.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for ``package_management.find``.
    """
    found = find(principal, package, Action.READ)
    where = {"package": found.row["_id"], "state": VersionState.PUBLISHED}
    order = [("published_at", DOWN), ("_id", DOWN)]
    return find_page(rows_of(Version), where, order, page, without=_UNSHOWN).shown_as(
        _version_views
    )


def get_version(principal: Principal, package: str, number: str) -> VersionView:
    """Return one version.

    Args:
        principal: may read the package.
        package: id.
        number: as its publisher spells it, or in the format's normal form.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for ``package_management.find``.
    """
    found = find(principal, package, Action.READ)
    return _version_views([_version_row(found, number, without=_UNSHOWN)])[0]


def delete_version(
    principal: Principal, package: str, number: str, *, check: Callable[[VersionView], None]
) -> None:
    """Withdraw one version; its number is never used again.

    Args:
        principal: a maintainer of the repository.
        package: id.
        number: as for :func:`get_version`.
        check: raises where the version is not what the caller thinks.

    Raises:
        Unauthenticated, NotFound: as for ``package_management.find``.
        Forbidden: the caller may not.
    """

    def attempt() -> None:
        found = find(principal, package, Action.DELETE)
        row = _version_row(found, number, without=_UNSHOWN)
        check(_version_views([row])[0])
        deletion.withdraw_versions(
            principal,
            found.ref,
            {row["number"]},
            default_tag=format_of(found.row["protocol"]).default_tag,
            expected_revision=found.row["revision"],
        )

    unless_stale(attempt)


def set_yanked(
    principal: Principal, package: str, number: str, *, yanked: bool, reason: str = ""
) -> VersionView:
    """Yank a version, so that nothing new begins to use it, or take that back.

    Args:
        principal: a maintainer of the repository.
        package: id.
        number: as for :func:`get_version`.
        yanked: whether it is to be.
        reason: shown to those who use it.

    Raises:
        Unauthenticated, NotFound: as for ``package_management.find``.
        Forbidden: the caller may not.
        Conflict: versions of this format cannot be yanked; the message says what to do.
    """
    found = find(principal, package, Action.MAINTAIN)
    row = _version_row(found, number, without=_UNSHOWN)
    instead = format_of(found.row["protocol"]).instead_of_yanking
    if instead:
        raise Conflict(instead)

    def work(_package: Package) -> VersionView:
        rows_of(Version).update_one(
            {"_id": row["_id"], "state": VersionState.PUBLISHED},
            {"$set": {"is_yanked": yanked, "yank_reason": reason if yanked else ""}},
        )
        action = audit.AuditAction.PACKAGE_YANK if yanked else audit.AuditAction.PACKAGE_UNYANK
        changes.record(principal, found.ref, action, version=row["number"], reason=reason)
        return _version_views([_version_row(found, number, without=_UNSHOWN)])[0]

    changed, _revision = changes.change_package(found.ref, work)
    return changed


def list_files(
    principal: Principal, package: str, number: str, page: PageRequest
) -> Page[FileView]:
    """Return a version's artifacts, by file name.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for ``package_management.find``.
    """
    row = _version_row(find(principal, package, Action.READ), number, without=_UNSHOWN)
    files = [
        FileView(
            filename=one["filename"],
            size_bytes=one["size_bytes"],
            media_type=one["media_type"],
            sha256=one["sha256"],
            sha1=one.get("sha1") or "",
            sha512=one.get("sha512") or "",
            md5=one.get("md5") or "",
        )
        for one in row["files"]
    ]
    return slice_page(files, lambda one: (one.filename,), page)


def get_readme(principal: Principal, package: str, number: str) -> Readme:
    """Return a version's README.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for ``package_management.find``.
    """
    row = _version_row(find(principal, package, Action.READ), number)
    return Readme(text=row.get("readme") or "")


def list_dependencies(
    principal: Principal, package: str, number: str, page: PageRequest
) -> Page[Dependency]:
    """Return what a version says that it needs, by kind and name.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for ``package_management.find``.
    """
    found = find(principal, package, Action.READ)
    row = _version_row(found, number)
    needed = format_of(found.row["protocol"]).dependencies(bytes(row["manifest"] or b"{}"))
    return slice_page(needed, lambda one: (one.kind, one.name), page)


def _version_row(found: FoundPackage, number: str, *, without: Sequence[str] = ()) -> Row:
    row = rows_of(Version).find_one(
        {
            "package": found.row["_id"],
            "state": VersionState.PUBLISHED,
            "$or": [{"number": number}, {"display_number": number}],
        },
        dict.fromkeys(without, 0) or None,
    )
    if row is None:
        raise NotFound(f"{found.row['display_name']} has no version {number}.")
    return row


def _version_views(rows: Sequence[Row]) -> list[VersionView]:
    people = summaries(row["published_by"] for row in rows if row.get("published_by"))
    return [
        VersionView(
            package_id=str(row["package"]),
            number=row["display_number"],
            deprecated=row.get("deprecated") or "",
            is_yanked=bool(row.get("is_yanked")),
            yank_reason=row.get("yank_reason") or "",
            size_bytes=sum(one["size_bytes"] for one in row.get("files") or ()),
            published_by=people.get(row["published_by"]) if row.get("published_by") else None,
            published_at=row["published_at"],
        )
        for row in rows
    ]
