"""Collections and their indexes, as migrations create them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database

UP, DOWN = ASCENDING, DESCENDING


@dataclass(frozen=True)
class Index:
    """One index.

    Attributes:
        keys: fields, each with ``UP`` or ``DOWN``.
        options: MongoDB's, such as ``unique``.
    """

    collection: str
    name: str
    keys: Sequence[tuple[str, int]]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Superseded:
    """An index of an earlier migration that another takes the place of."""

    collection: str
    name: str


def drop(database: Database[dict[str, Any]], indexes: Collection[Superseded]) -> None:
    """Remove what is there of them."""
    for one in indexes:
        if one.name in database[one.collection].index_information():
            database[one.collection].drop_index(one.name)


def create(
    database: Database[dict[str, Any]],
    indexes: Collection[Index],
    without_indexes: Collection[str] = (),
) -> None:
    """Create what is missing: one command for each collection, which creates that too."""
    wanted: dict[str, list[IndexModel]] = {}
    for one in indexes:
        model = IndexModel(list(one.keys), name=one.name, **one.options)
        wanted.setdefault(one.collection, []).append(model)
    for collection, models in wanted.items():
        database[collection].create_indexes(models)
    present = set(database.list_collection_names())
    for collection in without_indexes:
        if collection not in present:
            database.create_collection(collection)
