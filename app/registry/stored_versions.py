"""Versions that are rows of their own, as those of most formats."""

from __future__ import annotations

from collections.abc import Sequence

from app.auth.principal import Principal
from app.errors import NotFound
from app.models import Version, VersionState
from app.models.rows import rows_of
from app.registry import deletion
from app.registry.formats import Dependency, format_of
from app.registry.listing import DOWN, Page, PageRequest, Row, find_page
from app.registry.people import summaries
from app.registry.resolution import PackageRef
from app.registry.version_views import FileView, VersionView

_UNSHOWN = ("readme", "manifest", "facts")


class StoredVersions:
    """See ``VersionSource``; a number may be in the format's normal form, too."""

    def page(self, package: PackageRef, page: PageRequest) -> Page[VersionView]:
        """Return versions, the newest first."""
        where = {"package": package.id, "state": VersionState.PUBLISHED}
        order = [("published_at", DOWN), ("_id", DOWN)]
        return find_page(rows_of(Version), where, order, page, without=_UNSHOWN).shown_as(views)

    def get(self, package: PackageRef, number: str) -> VersionView:
        """Return one version."""
        return views([version_row(package, number, without=_UNSHOWN)])[0]

    def files(self, package: PackageRef, number: str) -> Sequence[FileView]:
        """Return a version's artifacts."""
        return [
            FileView(
                filename=one["filename"],
                size_bytes=one["size_bytes"],
                media_type=one["media_type"],
                sha256=one["sha256"],
                sha1=one.get("sha1") or "",
                sha512=one.get("sha512") or "",
                md5=one.get("md5") or "",
            )
            for one in version_row(package, number, without=_UNSHOWN)["files"]
            if not one.get("derived_from")
        ]

    def readme(self, package: PackageRef, number: str) -> str:
        """Return a version's README, as it is in the artifact."""
        return version_row(package, number).get("readme") or ""

    def dependencies(self, package: PackageRef, number: str) -> Sequence[Dependency]:
        """Return what a version says that it needs."""
        row = version_row(package, number)
        return format_of(package.name.protocol).dependencies(bytes(row["manifest"] or b"{}"))

    def delete(
        self, principal: Principal, package: PackageRef, number: str, *, expected_revision: int
    ) -> None:
        """Withdraw one version; its number is never used again."""
        deletion.withdraw_versions(
            principal,
            package,
            {version_row(package, number, without=_UNSHOWN)["number"]},
            default_tag=format_of(package.name.protocol).default_tag,
            expected_revision=expected_revision,
        )


def version_row(package: PackageRef, number: str, *, without: Sequence[str] = ()) -> Row:
    """Return the row of a published version.

    Raises:
        NotFound: there is none.
    """
    row = rows_of(Version).find_one(
        {
            "package": package.id,
            "state": VersionState.PUBLISHED,
            "$or": [{"number": number}, {"display_number": number}],
        },
        dict.fromkeys(without, 0) or None,
    )
    if row is None:
        raise NotFound(f"{package.name.display} has no version {number}.")
    return row


def views(rows: Sequence[Row]) -> list[VersionView]:
    """Return rows as they are shown."""
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
