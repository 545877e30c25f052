"""Databases of this session, each used by one test at a time and emptied after it.

Migrating a new one for each test would take longer than most tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pymongo import MongoClient

from app.models.connection import UNSYNCED

if TYPE_CHECKING:
    from collections.abc import Callable

_KEPT = "migrations"


class Databases:
    """Hands databases out, empty but for their indexes."""

    def __init__(self, url: str, new_name: Callable[[], str]) -> None:
        self._client: MongoClient[dict[str, Any]] = MongoClient(url)
        self._new_name = new_name
        self._free: list[str] = []

    def take(self) -> str:
        """Return the name of a database that nobody uses."""
        return self._free.pop() if self._free else self._new_name()

    def give_back(self, name: str) -> None:
        """Empty a database, for the next one who needs one.

        Only the last write is waited for until it is on disk, and with it all the others are.
        """
        database = self._client[name]
        for collection in database.list_collection_names():
            if collection != _KEPT:
                database.get_collection(collection, write_concern=UNSYNCED).delete_many({})
        database[_KEPT].delete_many({"_id": "none"})
        self._free.append(name)

    def close(self) -> None:
        """Let go of the server."""
        self._client.close()
