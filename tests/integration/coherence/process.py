"""A process of its own with coherence, which does what it is told over a socket.

``python -m tests.integration.coherence.process`` with the port to connect to and, as JSON,
the servers; after ``python -m gevent.monkey --module`` it runs as a web worker does. Each
line it receives is one request, each line it sends one answer.
"""

from __future__ import annotations

import json
import socket
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pymongo import MongoClient, ReturnDocument
from pymongo.collection import Collection
from redis import Redis

from app.coherence import Coherence, create_coherence
from app.errors import Unavailable
from config.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

Row = dict[str, Any]


@contextmanager
def connected(servers: dict[str, str]) -> Iterator[tuple[Coherence, Collection[Row]]]:
    """Coherence over these servers, and the rows that the tests change."""
    settings = load_settings(_env_file=None, **servers)
    with (
        MongoClient[Row](settings.mongodb_url, w="majority") as client,
        Redis.from_url(settings.redis_url) as redis,
    ):
        database = client[settings.mongodb_db]
        yield create_coherence(settings, redis, database), database["coherence_test"]


def read(coherence: Coherence, rows: Collection[Row], tag: str) -> int:
    """Return a row's version, remembered where that is allowed."""

    def load() -> int:
        coherence.depends_on(tag)
        row = rows.find_one({"_id": tag})
        return 0 if row is None else int(row["version"])

    return coherence.cached(tag, load)


def change(coherence: Coherence, rows: Collection[Row], tag: str) -> int:
    """Count a row's version up and return the new one, once everyone must see it."""

    def commit() -> int:
        row = rows.find_one_and_update(
            {"_id": tag},
            {"$inc": {"version": 1}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        assert row is not None
        return int(row["version"])

    return coherence.change({tag}, commit)


def _serve(port: int, servers: dict[str, str]) -> None:
    with (
        connected(servers) as (coherence, rows),
        socket.create_connection(("127.0.0.1", port)) as connection,
        connection.makefile("rw") as lines,
    ):
        coherence.start()
        for line in lines:
            verb, tag = json.loads(line)
            lines.write(json.dumps(_do(verb, tag, coherence, rows)) + "\n")
            lines.flush()
        coherence.stop()


def _do(verb: str, tag: str, coherence: Coherence, rows: Collection[Row]) -> object:
    match verb:
        case "read":
            return read(coherence, rows, tag)
        case "change":
            return _try_to_change(coherence, rows, tag)
        case "holds":
            return coherence.holds_lease
        case "hits":
            return coherence.hits
    raise AssertionError(verb)


def _try_to_change(coherence: Coherence, rows: Collection[Row], tag: str) -> int | None:
    try:
        return change(coherence, rows, tag)
    except Unavailable:
        return None


if __name__ == "__main__":
    _serve(int(sys.argv[1]), json.loads(sys.argv[2]))
