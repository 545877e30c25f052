"""Bring a database up to the code: run what has not run, once, in order.

Several processes may start at once. One takes the lock and migrates; the others wait
until nothing is pending. A process that dies while it migrates loses the lock after a
minute, and the next one runs its migration again: each is idempotent.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

import migrations
from migrations.collections import Index, Superseded

log = structlog.get_logger(__name__)

LOCK_SECONDS = 60
WAIT_SECONDS = 300
_NUMBERED = re.compile(r"(\d{4})_[a-z0-9_]+")
_LOCK_ID = "lock"

MongoDatabase = Database[dict[str, Any]]  # rows of every collection: their shapes differ


class MigrationTimeout(Exception):
    """Another process has been migrating for longer than anyone should wait."""


@dataclass(frozen=True)
class Migration:
    """One step: its name orders it and records that it ran."""

    name: str
    apply: Callable[[MongoDatabase], None]
    indexes: Collection[Index] = ()
    superseded: Collection[Superseded] = ()


def known_migrations() -> list[Migration]:
    """Return every migration of this code, in order."""
    names = sorted(
        module.name
        for module in pkgutil.iter_modules(migrations.__path__)
        if _NUMBERED.fullmatch(module.name)
    )
    return [_load(name) for name in names]


def known_indexes() -> dict[str, set[str]]:
    """Return the names of the indexes that an up-to-date database has, by collection."""
    found: dict[str, set[str]] = {}
    for migration in known_migrations():
        for one in migration.superseded:
            found[one.collection].discard(one.name)
        for index in migration.indexes:
            found.setdefault(index.collection, set()).add(index.name)
    return found


def pending_migrations(database: MongoDatabase) -> list[Migration]:
    """Return what has not run on this database, in order."""
    done = {row["_id"] for row in database["migrations"].find({}, {"_id": 1})}
    return [migration for migration in known_migrations() if migration.name not in done]


def migrate(database: MongoDatabase, *, again: bool = False) -> list[str]:
    """Run what is pending; returns the names of what this call ran.

    Args:
        database: to be brought up to date.
        again: run what has run already too, which creates what somebody has removed.

    Raises:
        MigrationTimeout: another process held the lock for five minutes.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while again or pending_migrations(database):
        with _lock(database) as is_ours:
            if is_ours:
                due = known_migrations() if again else pending_migrations(database)
                return [_run(database, migration) for migration in due]
        if time.monotonic() > deadline:
            raise MigrationTimeout(
                "Another process has held the migration lock for five minutes. "
                "Look at its log; the lock ends a minute after that process does."
            )
        time.sleep(0.2)
    return []


def _load(name: str) -> Migration:
    module = importlib.import_module(f"migrations.{name}")
    return Migration(
        name,
        module.apply,
        indexes=getattr(module, "INDEXES", ()),
        superseded=getattr(module, "SUPERSEDED", ()),
    )


def _run(database: MongoDatabase, migration: Migration) -> str:
    started = time.monotonic()
    migration.apply(database)
    database["migrations"].update_one(
        {"_id": migration.name}, {"$set": {"applied_at": datetime.now(UTC)}}, upsert=True
    )
    log.info("migration.applied", name=migration.name, seconds=round(time.monotonic() - started, 3))
    return migration.name


@contextmanager
def _lock(database: MongoDatabase) -> Iterator[bool]:
    """Try to become the one that migrates; yields whether that worked."""
    owner = uuid.uuid4().hex
    moment = datetime.now(UTC)
    locks = database["migration_lock"]
    try:
        locks.update_one(
            {"_id": _LOCK_ID, "expires_at": {"$lt": moment}},
            {"$set": {"owner": owner, "expires_at": moment + timedelta(seconds=LOCK_SECONDS)}},
            upsert=True,
        )
    except DuplicateKeyError:
        yield False
        return
    try:
        yield True
    finally:
        locks.delete_one({"_id": _LOCK_ID, "owner": owner})
