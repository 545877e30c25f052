"""Find audit events by each thing that they say, the newest first, within a span of time."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from migrations.collections import DOWN, UP, Index, Superseded, create, drop

_FIELDS = {
    "by_actor": "actor.id",
    "by_actor_name": "actor.name",
    "by_action": "action",
    "by_result": "result",
    "by_organization": "organization",
    "by_resource_type": "resource.type",
    "by_resource": "resource.id",
    "by_resource_name": "resource.name",
}
INDEXES = tuple(
    Index("audit", name, [(field, UP), ("time", DOWN), ("_id", DOWN)])
    for name, field in _FIELDS.items()
)
SUPERSEDED = tuple(
    Superseded("audit", name) for name in ("actor", "action", "organization", "resource")
)


def apply(database: Database[dict[str, Any]]) -> None:
    """Create the new ones before the old ones go."""
    create(database, INDEXES)
    drop(database, SUPERSEDED)
