"""Packages and their versions as the management API and the pages see them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from urllib.parse import unquote

from bson import ObjectId

from app import access, audit
from app.access import Action, RepositoryFacts
from app.auth.limits import MANAGEMENT
from app.auth.principal import Principal
from app.errors import Conflict, NotFound, StaleRevision, Unauthenticated
from app.models import Package, PackageStatus, Repository
from app.models.rows import rows_of
from app.registry import changes, deletion, search_terms
from app.registry.doors import require_door
from app.registry.formats import format_of, served_formats
from app.registry.listing import (
    DOWN,
    UP,
    Page,
    PageRequest,
    Row,
    find_page,
)
from app.registry.names import PackageName
from app.registry.people import UserSummary, summaries
from app.registry.repositories import organization_by_id, organization_by_slug
from app.registry.resolution import PackageRef

Result = TypeVar("Result")

_ATTEMPTS = 5
_PURL = re.compile(
    r"pkg:/*(?P<type>[A-Za-z][A-Za-z0-9.+-]*)/(?:(?P<namespace>[^?#]+)/)?"
    r"(?P<name>[^/@?#]+)(?:@[^?#]*)?(?:[?#].*)?"
)
_UNSHOWN = ("readme", "manifest", "facts")
SORT_ORDERS: Mapping[str, list[tuple[str, int]]] = {
    "name": [("name", UP), ("_id", UP)],
    "-name": [("name", DOWN), ("_id", DOWN)],
    "updated_at": [("updated_at", UP), ("_id", UP)],
    "-updated_at": [("updated_at", DOWN), ("_id", DOWN)],
}


@dataclass(frozen=True, kw_only=True)
class PackageFilter:
    """Which packages are wanted; what is empty does not matter.

    Attributes:
        text: each of its words begins one of the name's, is in the summary, or is a keyword.
        organization: id or slug.
        repository: id, or name where the organization is given.
        purl: a package URL; its version is left aside.
        sort: one of ``SORT_ORDERS``.
    """

    text: str = ""
    protocol: str = ""
    organization: str = ""
    repository: str = ""
    purl: str = ""
    sort: str = "name"


@dataclass(frozen=True, kw_only=True)
class PackageView:
    """A package as it is shown; ``organization`` and ``repository`` are slugs."""

    id: str
    protocol: str
    name: str
    organization_id: str
    organization: str
    repository_id: str
    repository: str
    summary: str
    keywords: tuple[str, ...]
    latest_version: str
    status: PackageStatus
    status_reason: str
    alternate_locations: tuple[str, ...]
    tags: Mapping[str, str]
    owners: tuple[UserSummary, ...]
    published_at: datetime
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class PackageContent:
    """What a package's maintainers say of it to its clients.

    Attributes:
        status: an archived package takes no more versions, a quarantined one gives none.
        alternate_locations: URLs under which other registries have the same project.
    """

    status: PackageStatus = PackageStatus.ACTIVE
    status_reason: str = ""
    alternate_locations: tuple[str, ...] = ()


PackageEdit = Callable[[PackageView], PackageContent]
"""Says what is to become of a package, by what it is."""


@dataclass(frozen=True, kw_only=True)
class FoundPackage:
    """A package that the caller may act on."""

    row: Row
    repository: RepositoryFacts

    @property
    def ref(self) -> PackageRef:
        """Return it as the use cases that change packages want it."""
        name = PackageName(
            protocol=self.row["protocol"],
            normal=self.row["name"],
            display=self.row["display_name"],
        )
        return PackageRef(
            id=self.row["_id"],
            name=name,
            repository=self.repository,
            is_deleted=False,
        )


def list_packages(
    principal: Principal, wanted: PackageFilter, page: PageRequest
) -> Page[PackageView]:
    """Return the packages that match and that the caller may read.

    Raises:
        Forbidden: the token is not for this.
    """
    require_door(principal, action="read")
    where = _matching(principal, wanted)
    if where is None:
        return Page(items=())
    found = find_page(rows_of(Package), where, SORT_ORDERS[wanted.sort], page)
    return found.shown_as(_views)


def get_package(principal: Principal, package: str) -> PackageView:
    """Return a package by its id.

    Raises:
        Unauthenticated: anonymous, and there is none that is public.
        NotFound: there is none for this caller.
        Forbidden: the token may not.
    """
    return _views([find(principal, package, Action.READ).row])[0]


def get_package_by_name(
    principal: Principal, protocol: str, organization: str, name: str
) -> PackageView:
    """Return a package by its name within an organization.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for :func:`get_package`.
    """
    organization_id = _organization_id(organization)
    row = rows_of(Package).find_one(
        {
            "protocol": protocol,
            "organization": organization_id,
            "$or": [{"name": name}, {"display_name": name}],
        }
    )
    return _views([_allowed(principal, row, Action.READ).row])[0]


def update_package(principal: Principal, package: str, edit: PackageEdit) -> PackageView:
    """Change what a package's clients are told of it.

    Args:
        principal: a maintainer of the repository.
        package: id.
        edit: says what is to become of it, by what it is.

    Raises:
        Unauthenticated, NotFound: as for :func:`get_package`.
        Forbidden: the caller may not.
        Conflict: clients of this format are told nothing of the kind.
    """
    found = find(principal, package, Action.MAINTAIN)

    def work(row: Package) -> None:
        content = edit(_views([row.to_mongo()])[0])
        if content != PackageContent() and not format_of(row.protocol).has_status:
            raise Conflict(
                f"Clients of {row.protocol} know no status of packages. "
                "Deprecate or yank versions instead."
            )
        row.status = content.status
        row.status_reason = content.status_reason
        row.alternate_locations = list(content.alternate_locations)
        changes.record(
            principal,
            found.ref,
            audit.AuditAction.PACKAGE_UPDATE,
            status=content.status,
            reason=content.status_reason,
        )

    changes.change_package(found.ref, work)
    return get_package(principal, package)


def delete_package(
    principal: Principal, package: str, *, check: Callable[[PackageView], None]
) -> None:
    """Withdraw a package with all of its versions; its name stays the organization's.

    Args:
        principal: a maintainer of the repository.
        package: id.
        check: raises where the package is not what the caller thinks.

    Raises:
        Unauthenticated, NotFound: as for :func:`get_package`.
        Forbidden: the caller may not.
    """

    def attempt() -> None:
        found = find(principal, package, Action.DELETE)
        check(_views([found.row])[0])
        deletion.delete_package(principal, found.ref, expected_revision=found.row["revision"])

    unless_stale(attempt)


def _matching(principal: Principal, wanted: PackageFilter) -> Row | None:
    """Return the condition of a search; none where nothing can match."""
    conditions = search_terms.matching(wanted.text)
    if conditions is None:
        return None
    if wanted.purl:
        meant = _read_purl(wanted.purl)
        if meant is None:
            return None
        conditions.append(meant)
    among = _repositories(wanted)
    if among or not access.reads_everything(principal):
        found = access.readable_repository_ids(principal, door=MANAGEMENT, among=among)
        conditions.append({"repository": {"$in": list(found)}})
    return {"$and": conditions}


def _repositories(wanted: PackageFilter) -> Row:
    """Return what holds of the repositories in which the wanted packages are."""
    among: Row = {}
    if wanted.protocol:
        among["protocol"] = wanted.protocol
    if wanted.organization:
        among["organization"] = _organization_id(wanted.organization)
    if ObjectId.is_valid(wanted.repository):
        among["_id"] = ObjectId(wanted.repository)
    elif wanted.repository:
        # A name says nothing without an organization.
        among["name"] = wanted.repository if wanted.organization else None
    return among


def _read_purl(purl: str) -> Row | None:
    """Return what a package URL's type and name mean; none where it is of no served format.

    Spec: purl-spec, "How to parse a purl string in its components".
    """
    match = _PURL.fullmatch(purl)
    if match is None:
        return None
    for one in served_formats().values():
        if one.purl_type == match["type"].lower():
            namespace = unquote(match["namespace"] or "").strip("/")
            return {
                "protocol": one.name,
                "name": one.name_of_purl(namespace, unquote(match["name"])),
            }
    return None


def _organization_id(reference: str) -> ObjectId | None:
    found = organization_by_id(ObjectId(reference)) if ObjectId.is_valid(reference) else None
    found = found or organization_by_slug(reference)
    return None if found is None else found.id


def find(principal: Principal, package: str, action: Action) -> FoundPackage:
    """Return a package that readers can see, for a caller who may do this to it.

    Raises:
        Unauthenticated: anonymous, and there is none that is public.
        NotFound: there is none for this caller.
        Forbidden: they may read it, but not do this.
    """
    row = None
    if ObjectId.is_valid(package):
        row = rows_of(Package).find_one({"_id": ObjectId(package)})
    return _allowed(principal, row, action)


def _allowed(principal: Principal, row: Row | None, action: Action) -> FoundPackage:
    """Let a package pass that readers can see, and to which the caller may do this."""
    repository = None
    if row is not None and row.get("published_at") and not row.get("deleted_at"):
        organization = organization_by_id(row["organization"])
        repository = None if organization is None else organization.by_id(row["repository"])
    if row is None or repository is None:
        raise Unauthenticated if principal.is_anonymous else NotFound
    access.require(principal, action, repository, package=row["name"], door=MANAGEMENT)
    return FoundPackage(row=row, repository=repository)


def unless_stale(attempt: Callable[[], Result]) -> Result:
    """Run an attempt again where the package changed between looking and acting."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return attempt()
        except StaleRevision:
            continue
    return attempt()


def _views(rows: Sequence[Row]) -> list[PackageView]:
    people = summaries(user for row in rows for user in row.get("owners") or ())
    ids = {row["repository"] for row in rows}
    repositories = {
        row["_id"]: row["name"]
        for row in rows_of(Repository).find({"_id": {"$in": list(ids)}}, {"name": 1})
    }
    return [_view(row, people, repositories) for row in rows]


def _view(
    row: Row, people: Mapping[ObjectId, UserSummary], repositories: Mapping[ObjectId, str]
) -> PackageView:
    organization = organization_by_id(row["organization"])
    return PackageView(
        id=str(row["_id"]),
        protocol=row["protocol"],
        name=row["display_name"],
        organization_id=str(row["organization"]),
        organization="" if organization is None else organization.slug,
        repository_id=str(row["repository"]),
        repository=repositories.get(row["repository"], ""),
        summary=row.get("summary") or "",
        keywords=tuple(row.get("keywords") or ()),
        latest_version=row.get("latest_display") or row.get("latest_number") or "",
        status=PackageStatus(row.get("status") or PackageStatus.ACTIVE),
        status_reason=row.get("status_reason") or "",
        alternate_locations=tuple(row.get("alternate_locations") or ()),
        tags={one["name"]: one["number"] for one in row.get("tags") or ()},
        owners=tuple(people[one] for one in row.get("owners") or () if one in people),
        published_at=row["published_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
