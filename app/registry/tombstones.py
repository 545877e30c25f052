"""What deleted packages leave behind, for those who administer their organization.

To everybody else a deleted package is as if it had never been. Its organization's admins
see whose name it keeps, and which numbers can never be used again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId

from app import access
from app.auth.principal import Principal
from app.errors import NotFound
from app.models import OrganizationRole, Package, Version, VersionState
from app.models.rows import rows_of
from app.registry import organizations
from app.registry.formats import served_formats
from app.registry.listing import DOWN, UP, Page, PageRequest, Row, find_page
from app.registry.people import UserSummary, summaries
from app.registry.repositories import OrganizationFacts

_ORDER = [("protocol", UP), ("name", UP)]  # unique within an organization, and an index's
_ORDER_OF_VERSIONS = [("published_at", DOWN), ("_id", DOWN)]
_UNSHOWN = ("readme", "manifest", "facts", "files")


@dataclass(frozen=True, kw_only=True)
class TombstoneFilter:
    """Which tombstones are wanted; what is empty does not matter."""

    protocol: str = ""


@dataclass(frozen=True, kw_only=True)
class TombstoneView:
    """A deleted package as it is shown.

    Attributes:
        repository: where it was; empty where that is gone, too.
        owners: who had it.
        published_at: of the newest version that it had.
    """

    id: str
    protocol: str
    name: str
    organization_id: str
    organization: str
    repository_id: str
    repository: str
    summary: str
    owners: tuple[UserSummary, ...]
    published_at: datetime | None
    created_at: datetime
    deleted_at: datetime


@dataclass(frozen=True, kw_only=True)
class WithdrawnVersionView:
    """A version that was deleted; ``number`` is as its publisher spelt it."""

    number: str
    published_by: UserSummary | None
    published_at: datetime
    withdrawn_at: datetime


def list_tombstones(
    principal: Principal, organization: str, wanted: TombstoneFilter, page: PageRequest
) -> Page[TombstoneView]:
    """Return an organization's deleted packages, by format and name.

    Args:
        principal: an owner or admin of the organization, or of the platform.
        organization: id or slug.
        wanted: which of them.
        page: which part of the list.

    Raises:
        Unauthenticated, NotFound: as for ``organizations.find``.
        Forbidden: the caller is neither.
    """
    found = _administered(principal, organization)
    where = {
        # By format, so that the index by format, organization and name is of use.
        "protocol": wanted.protocol or {"$in": sorted(served_formats())},
        "organization": found.id,
        "deleted_at": {"$exists": True},
    }
    return find_page(rows_of(Package), where, _ORDER, page).shown_as(
        lambda rows: _views(rows, found)
    )


def get_tombstone(principal: Principal, organization: str, tombstone: str) -> TombstoneView:
    """Return a deleted package; ``tombstone`` is the id that the package had.

    Raises:
        Unauthenticated, Forbidden: as for :func:`list_tombstones`.
        NotFound: there is no such package, it is not deleted, or as for
            :func:`list_tombstones`.
    """
    found = _administered(principal, organization)
    return _views([_row(found, tombstone)], found)[0]


def list_withdrawn_versions(
    principal: Principal, organization: str, tombstone: str, page: PageRequest
) -> Page[WithdrawnVersionView]:
    """Return the versions that a deleted package had, the newest first.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for :func:`get_tombstone`.
    """
    found = _administered(principal, organization)
    where = {"package": _row(found, tombstone)["_id"], "state": VersionState.WITHDRAWN}
    return find_page(rows_of(Version), where, _ORDER_OF_VERSIONS, page, without=_UNSHOWN).shown_as(
        _version_views
    )


def _administered(principal: Principal, organization: str) -> OrganizationFacts:
    found = organizations.find(principal, organization)
    access.require_organization(principal, found, OrganizationRole.ADMIN, action="read")
    return found


def _row(organization: OrganizationFacts, tombstone: str) -> Row:
    row = None
    if ObjectId.is_valid(tombstone):
        row = rows_of(Package).find_one(
            {
                "_id": ObjectId(tombstone),
                "organization": organization.id,
                "deleted_at": {"$exists": True},
            }
        )
    if row is None:
        raise NotFound(f"{organization.slug} has no deleted package with this id.")
    return row


def _views(rows: Sequence[Row], organization: OrganizationFacts) -> list[TombstoneView]:
    people = summaries(user for row in rows for user in row.get("owners") or ())
    return [_view(row, organization, people) for row in rows]


def _view(
    row: Row, organization: OrganizationFacts, people: Mapping[ObjectId, UserSummary]
) -> TombstoneView:
    repository = organization.by_id(row["repository"])
    return TombstoneView(
        id=str(row["_id"]),
        protocol=row["protocol"],
        name=row["display_name"],
        organization_id=str(organization.id),
        organization=organization.slug,
        repository_id=str(row["repository"]),
        repository="" if repository is None else repository.name,
        summary=row.get("summary") or "",
        owners=tuple(people[one] for one in row.get("owners") or () if one in people),
        published_at=row.get("published_at"),
        created_at=row["created_at"],
        deleted_at=row["deleted_at"],
    )


def _version_views(rows: Sequence[Row]) -> list[WithdrawnVersionView]:
    people = summaries(row["published_by"] for row in rows if row.get("published_by"))
    return [
        WithdrawnVersionView(
            number=row["display_number"],
            published_by=people.get(row["published_by"]) if row.get("published_by") else None,
            published_at=row["published_at"],
            withdrawn_at=row["withdrawn_at"],
        )
        for row in rows
    ]
