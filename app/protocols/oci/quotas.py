"""How much a repository may hold: every blob in it counts once, whatever links it."""

from __future__ import annotations

from app.access import RepositoryFacts
from app.errors import QuotaExceeded
from app.models import BlobLink, Package
from app.models.rows import rows_of


def require_room(repository: RepositoryFacts, added_bytes: int) -> None:
    """Make sure that a repository takes so many bytes more; without a quota it takes any.

    Pushes at the same moment do not see each other: the quota may be passed by what is
    under way, and holds from then on.

    Raises:
        QuotaExceeded: it does not.
    """
    quota_bytes = repository.quota_bytes
    if quota_bytes is None:
        return
    used_bytes = _used_bytes(repository)
    if used_bytes + added_bytes > quota_bytes or used_bytes >= quota_bytes:
        raise QuotaExceeded(
            f"{repository.path} holds {used_bytes} of at most {quota_bytes} bytes. Delete what "
            "is not needed, or ask an admin of the repository for more."
        )


def _used_bytes(repository: RepositoryFacts) -> int:
    packages = rows_of(Package).distinct("_id", {"repository": repository.id})
    totals = rows_of(BlobLink).aggregate(
        [
            {"$match": {"package": {"$in": packages}}},
            {"$group": {"_id": "$sha256", "size_bytes": {"$first": "$size_bytes"}}},
            {"$group": {"_id": None, "size_bytes": {"$sum": "$size_bytes"}}},
        ]
    )
    return next((int(one["size_bytes"]) for one in totals), 0)
