"""How much a repository, and an organization, may hold.

Counted when bytes are about to be added, from the rows that name them, and only where a quota is
set: a counter that every publish writes to would make them wait for each other.
"""

from __future__ import annotations

from collections.abc import Collection

from bson import ObjectId

from app.access import RepositoryFacts
from app.errors import QuotaExceeded, TooLarge
from app.extensions import settings
from app.models import Package, Version, VersionState
from app.models.rows import rows_of
from app.registry import formats
from app.registry.repositories import organization_by_id


def largest_file_bytes(repository: RepositoryFacts) -> int:
    """Return how many bytes a file may have in a repository."""
    return repository.max_file_bytes or settings.max_file_bytes


def require_fits(repository: RepositoryFacts, size_bytes: int) -> None:
    """Make sure that a repository takes a file of so many bytes.

    Raises:
        TooLarge: it does not.
    """
    if size_bytes > largest_file_bytes(repository):
        raise TooLarge("The file", largest_file_bytes(repository))


def require_room(repository: RepositoryFacts, added_bytes: int) -> None:
    """Make sure that a repository takes so many bytes more; without a quota it takes any.

    Who publishes at the same moment is not seen: a quota may be passed by what is under way,
    and holds from then on.

    Raises:
        QuotaExceeded: it, or its organization, does not.
    """
    if repository.quota_bytes is not None:
        used_bytes = stored_bytes([repository.id])
        if _is_passed(repository.quota_bytes, used_bytes, added_bytes):
            raise QuotaExceeded(
                f"{repository.path} holds {used_bytes} of at most {repository.quota_bytes} bytes. "
                "Delete what is not needed, or ask an admin of the repository for more."
            )
    organization = organization_by_id(repository.organization_id)
    if organization is not None and organization.quota_bytes is not None:
        used_bytes = stored_bytes([one.id for one in organization.repositories])
        if _is_passed(organization.quota_bytes, used_bytes, added_bytes):
            raise QuotaExceeded(
                f"{organization.slug} holds {used_bytes} of at most {organization.quota_bytes} "
                "bytes. Delete what is not needed, or ask an owner of the organization for more."
            )


def stored_bytes(repositories: Collection[ObjectId]) -> int:
    """Return how many bytes some repositories of one organization hold together."""
    packages = rows_of(Package).distinct("_id", {"repository": {"$in": list(repositories)}})
    versions = rows_of(Version).aggregate(
        [
            {"$match": {"package": {"$in": packages}, "state": {"$ne": VersionState.WITHDRAWN}}},
            {"$group": {"_id": None, "size_bytes": {"$sum": {"$sum": "$files.size_bytes"}}}},
        ]
    )
    in_versions = sum(int(one["size_bytes"]) for one in versions)
    return in_versions + formats.stored_bytes(packages)


def _is_passed(quota_bytes: int, used_bytes: int, added_bytes: int) -> bool:
    return used_bytes >= quota_bytes or used_bytes + added_bytes > quota_bytes
