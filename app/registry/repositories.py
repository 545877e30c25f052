"""Organizations and repositories as reads see them, kept in memory while that is safe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from app.access.facts import RepositoryFacts
from app.errors import Conflict
from app.extensions import coherence
from app.models import (
    Organization,
    PlatformSettings,
    Repository,
    RepositoryKind,
    Visibility,
)
from app.models.fields import now
from app.models.rows import rows_of


@dataclass(frozen=True, kw_only=True)
class OrganizationFacts:
    """One organization as reads see it: who it is, and its repositories in order.

    Hosted repositories come before proxies, and those before groups; within a kind the
    oldest is first.
    """

    id: ObjectId
    slug: str
    default_visibility: Visibility
    quota_bytes: int | None
    repositories: tuple[RepositoryFacts, ...]

    def of(self, protocol: str) -> tuple[RepositoryFacts, ...]:
        """Return the repositories of one protocol, in order."""
        return tuple(one for one in self.repositories if one.protocol == protocol)

    def named(self, slug: str) -> RepositoryFacts | None:
        """Return the repository with this slug."""
        return next((one for one in self.repositories if one.name == slug), None)

    def by_id(self, repository_id: ObjectId) -> RepositoryFacts | None:
        """Return the repository with this id."""
        return next((one for one in self.repositories if one.id == repository_id), None)


PLATFORM_TAG = "platform"
"""What memory answers about the platform's settings depend on."""

_KIND_ORDER = {RepositoryKind.HOSTED: 0, RepositoryKind.PROXY: 1, RepositoryKind.GROUP: 2}


def slug_tag(slug: str) -> str:
    """Return what memory answers about "who has this slug" depend on."""
    return f"slug:{slug}"


def organization_tag(organization_id: ObjectId) -> str:
    """Return what memory answers about an organization's inside depend on."""
    return f"org:{organization_id}"


def organization_by_slug(slug: str) -> OrganizationFacts | None:
    """Return the organization with this slug; none if there is none."""

    def load() -> ObjectId | None:
        coherence.depends_on(slug_tag(slug))
        row = rows_of(Organization).find_one({"slug": slug}, {"_id": 1})
        return None if row is None else row["_id"]

    organization_id = coherence.cached(("organization-slug", slug), load)
    return None if organization_id is None else organization_by_id(organization_id)


def organization_by_id(organization_id: ObjectId) -> OrganizationFacts | None:
    """Return an organization; none if it was deleted."""

    def load() -> OrganizationFacts | None:
        coherence.depends_on(organization_tag(organization_id))
        row = rows_of(Organization).find_one({"_id": organization_id})
        if row is None:
            return None
        found = rows_of(Repository).find({"organization": organization_id})
        repositories = sorted(
            found.sort([("created_at", 1), ("_id", 1)]),
            key=lambda one: _KIND_ORDER[RepositoryKind(one["kind"])],
        )
        return OrganizationFacts(
            id=organization_id,
            slug=row["slug"],
            default_visibility=Visibility(
                (row.get("settings") or {}).get("default_visibility", Visibility.PRIVATE)
            ),
            quota_bytes=(row.get("settings") or {}).get("quota_bytes"),
            repositories=tuple(facts_of(one, row["slug"]) for one in repositories),
        )

    return coherence.cached(("organization", organization_id), load)


def hold_organization(organization_id: ObjectId) -> None:
    """Make sure that an organization is there until the transaction that runs has ended.

    The write makes a deletion at this moment conflict with it.

    Raises:
        Conflict: it is gone.
    """
    found = rows_of(Organization).update_one(
        {"_id": organization_id}, {"$set": {"updated_at": now()}}
    )
    if not found.matched_count:
        raise Conflict("The organization was just deleted.")


def facts_of(row: dict[str, Any], organization_slug: str) -> RepositoryFacts:
    """Read a repository's row."""
    settings = row.get("settings") or {}
    return RepositoryFacts(
        id=row["_id"],
        organization_id=row["organization"],
        organization_slug=organization_slug,
        name=row["name"],
        protocol=row["protocol"],
        kind=RepositoryKind(row["kind"]),
        visibility=Visibility(row["visibility"]),
        max_file_bytes=settings.get("max_file_bytes"),
        quota_bytes=settings.get("quota_bytes"),
        immutable_tags=tuple(settings.get("immutable_tags") or ()),
        allow_sparse_index=bool(settings.get("allow_sparse_index")),
        members=tuple(row.get("members") or ()),
    )


def default_organization() -> OrganizationFacts | None:
    """Return the organization that takes flat names of callers who have no other."""

    def load() -> str:
        coherence.depends_on(PLATFORM_TAG)
        row = rows_of(PlatformSettings).find_one({"_id": "platform"}) or {}
        return str(row.get("default_organization") or "")

    slug = coherence.cached(("default-organization",), load)
    return organization_by_slug(slug) if slug else None
