"""Keep one write of MongoDB under way for as long as a test likes.

Transactions read a snapshot that goes no further than the oldest write under way. On a busy
machine that is some write's bad luck; here it is this one's.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from app.models import connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pymongo.database import Database

ALLOWING_IT = ("--setParameter", "enableTestCommands=1")
"""What MongoDB has to be started with."""

_FAIL_POINT = "hangAfterCollectionInserts"


@contextmanager
def a_write_under_way(database: Database[dict[str, Any]]) -> Iterator[None]:
    """Have a write by somebody else under way until the block ends."""
    held = database["held_writes"]
    held.insert_one({})
    admin = connection.client().admin
    entered = admin.command(
        {
            "configureFailPoint": _FAIL_POINT,
            "mode": "alwaysOn",
            "data": {"collectionNS": held.full_name},
        }
    )["count"]
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(held.insert_one, {})
        try:
            admin.command(
                {
                    "waitForFailPoint": _FAIL_POINT,
                    "timesEntered": entered + 1,
                    "maxTimeMS": 10_000,
                }
            )
            yield
        finally:
            admin.command({"configureFailPoint": _FAIL_POINT, "mode": "off"})
        writing.result()
