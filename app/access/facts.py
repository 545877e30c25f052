"""What deciding about a repository needs to know of it: small, immutable, kept in memory."""

from __future__ import annotations

from dataclasses import dataclass

from bson import ObjectId

from app.models import RepositoryKind, Visibility


@dataclass(frozen=True, kw_only=True)
class RepositoryFacts:
    """One repository as reads see it.

    Made by ``registry.repositories`` from the rows; the memory answer carries the tag
    ``org:<organization_id>``, under which every change to it is fenced.
    """

    id: ObjectId
    organization_id: ObjectId
    organization_slug: str
    name: str
    protocol: str
    kind: RepositoryKind
    visibility: Visibility
    max_file_bytes: int | None = None
    quota_bytes: int | None = None
    immutable_tags: tuple[str, ...] = ()
    allow_sparse_index: bool = False
    members: tuple[ObjectId, ...] = ()

    @property
    def path(self) -> str:
        """Return ``organization/repository``, as people name it."""
        return f"{self.organization_slug}/{self.name}"
