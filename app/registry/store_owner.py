"""Whose store this is: only the database that names its objects can tell what is left over.

A database has an id of its own, and the store that it uses holds a mark with that id, an object
below ``_owner/``. Two databases that took one store at the same moment leave two marks; then the
store is neither's. See ``docs/decisions/0008-the-store-knows-its-database.md``.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from itertools import islice

from pymongo import WriteConcern

from app.extensions import settings, store
from app.models import PlatformSettings
from app.models.rows import rows_of
from app.registry import claims
from app.storage.base import ObjectExists

MARKS = "_owner/"
"""What the keys of marks begin with; no format has such a name."""

_ROW_ID = "store"
_FIRST_LOOK = 500
_DURABLE = WriteConcern(w="majority", j=True)
_MARK = b"""\
This store belongs to the Packhouse database with the id that is this object's name.
That database removes what it does not name. Delete this object only to let another one do so.
"""


class StoreNotOurs(Exception):
    """The store is another database's, or may be; the message says what to do."""


def check() -> None:
    """Make sure that the store is this database's, or may become it.

    A store without a mark may, if it is empty or this database names some of its objects.

    Raises:
        StoreNotOurs: neither.
    """
    ours = _database_id()
    if not _has_mark_of(ours):
        _refuse_unknown_objects(ours)


def take() -> None:
    """Make sure that the store is this database's; one that may become it does.

    Raises:
        StoreNotOurs: as for :func:`check`.
    """
    ours = _database_id()
    if _has_mark_of(ours):
        return
    _refuse_unknown_objects(ours)
    with store.stage(limit_bytes=len(_MARK)) as arriving:
        arriving.write(_MARK)
        with arriving.finish() as staged, suppress(ObjectExists):
            store.reveal(staged, MARKS + ours)
    _has_mark_of(ours)  # Another database may have done the same.


def _has_mark_of(ours: str) -> bool:
    """Whether the store is ours rather than nobody's.

    Raises:
        StoreNotOurs: it is another's.
    """
    # A listing, because what is read may come from a cache.
    owners = {one.key.removeprefix(MARKS) for one in store.list(MARKS)}
    if others := sorted(owners - {ours}):
        raise StoreNotOurs(
            "Nothing is removed from the store: it belongs to another database. Check MONGODB_DB, "
            "S3_BUCKET and STORAGE_PATH. Only if no other registry uses this store, delete "
            + ", ".join(f"{settings.storage_path}/{MARKS}{one}" for one in others)
            + " in it."
        )
    return ours in owners


def _refuse_unknown_objects(ours: str) -> None:
    keys = [one.key for one in islice(store.list(""), _FIRST_LOOK)]
    if keys and not claims.keys_in_use(keys):
        raise StoreNotOurs(
            "Nothing is removed from the store: this database names none of the objects in it. "
            "Check MONGODB_DB, S3_BUCKET and STORAGE_PATH. Only if they are right, create an empty "
            f"object {settings.storage_path}/{MARKS}{ours} in it."
        )


def _database_id() -> str:
    """Return what this database alone has, and every copy and dump of it."""
    rows = rows_of(PlatformSettings).with_options(write_concern=_DURABLE)
    row = rows.find_one({"_id": _ROW_ID})
    if row is None:
        made = {"$setOnInsert": {"database_id": uuid.uuid4().hex}}
        rows.update_one({"_id": _ROW_ID}, made, upsert=True)
        return _database_id()  # It may be what another process made.
    database_id: str = row["database_id"]
    return database_id
