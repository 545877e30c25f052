"""Yank versions: nothing new begins to use them, and what uses them goes on or is told."""

from __future__ import annotations

from app import audit
from app.auth.principal import Principal
from app.errors import NotFound
from app.models import Package, Version, VersionState
from app.models.rows import rows_of
from app.registry import changes, precedence
from app.registry.resolution import PackageRef


def yank_version(
    principal: Principal, package: PackageRef, number: str, *, yanked: bool, reason: str = ""
) -> None:
    """Yank a version, or take that back.

    Args:
        principal: was allowed to.
        package: that has the version.
        number: in normal form.
        yanked: whether it is to be.
        reason: shown to those who use it.

    Raises:
        NotFound: there is no such version any more.
    """

    def work(row: Package) -> None:
        version = rows_of(Version).find_one_and_update(
            {"package": package.id, "number": number, "state": VersionState.PUBLISHED},
            {"$set": {"is_yanked": yanked, "yank_reason": reason if yanked else ""}},
            {"display_number": 1, "is_yanked": 1},
        )
        if version is None:
            raise NotFound(f"{package.name.display} has no version {number}.")
        action = audit.AuditAction.PACKAGE_YANK if yanked else audit.AuditAction.PACKAGE_UNYANK
        changes.record(principal, package, action, version=number, reason=reason)
        if bool(version.get("is_yanked")) == yanked:
            return
        precedence.set_latest(row, _latest(row))
        moved = (version["display_number"],)
        changes.record_listed(
            package, row, added=() if yanked else moved, removed=moved if yanked else ()
        )

    changes.change_package(package, work, lists=True)


def _latest(row: Package) -> precedence.Candidate | None:
    rows = rows_of(Version).find(
        {"package": row.id, "state": VersionState.PUBLISHED},
        {"number": 1, "display_number": 1, "is_yanked": 1},
    )
    found = precedence.candidates(rows.sort([("published_at", 1), ("_id", 1)]))
    return precedence.latest_of(row.protocol, found)
