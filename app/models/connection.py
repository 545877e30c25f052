"""The connection to MongoDB, and transactions over several documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import mongoengine
from pymongo import MongoClient, ReadPreference, WriteConcern
from pymongo.errors import ConnectionFailure, ExecutionTimeout, PyMongoError, WTimeoutError
from pymongo.read_concern import ReadConcern

from app.errors import Unavailable

Result = TypeVar("Result")

_ALIAS = "default"
_DURABLE = WriteConcern(w="majority", j=True, wtimeout=10_000)
_SERVER_SELECTION_SECONDS = 3


def connect(url: str, database: str) -> MongoClient[dict[str, object]]:
    """Connect this process; called once, after the fork.

    A server that does not answer fails an operation after three seconds, so that a
    client gets its 503 while it still waits.
    """
    mongoengine.connect(
        db=database,
        alias=_ALIAS,
        host=url,
        tz_aware=True,
        uuidRepresentation="standard",
        appname="packhouse",
        serverSelectionTimeoutMS=_SERVER_SELECTION_SECONDS * 1000,
        connectTimeoutMS=_SERVER_SELECTION_SECONDS * 1000,
        socketTimeoutMS=15_000,
        maxPoolSize=200,
        retryWrites=True,
        retryReads=True,
        w="majority",
        journal=True,
        readPreference="primary",
    )
    return client()


def disconnect() -> None:
    """Close this process's connection."""
    mongoengine.disconnect(alias=_ALIAS)


def client() -> MongoClient[dict[str, object]]:
    """Return this process's client."""
    found: MongoClient[dict[str, object]] = mongoengine.get_connection(_ALIAS)
    return found


def in_transaction(work: Callable[[], Result]) -> Result:
    """Run ``work`` so that all of its writes happen, or none.

    Models used inside take part without naming a session. ``work`` may run again
    after a write conflict, so it must change nothing but the database.

    Raises:
        Unavailable: MongoDB does not answer; whether the commit happened is unknown.
    """
    try:
        with client().start_session() as session, session.bind(end_session=False):
            return session.with_transaction(
                lambda _session: work(),
                read_concern=ReadConcern("snapshot"),
                write_concern=_DURABLE,
                read_preference=ReadPreference.PRIMARY,
                max_commit_time_ms=10_000,
            )
    except UNREACHABLE as error:
        raise Unavailable from error


UNREACHABLE: tuple[type[PyMongoError], ...] = (ConnectionFailure, ExecutionTimeout, WTimeoutError)
"""What pymongo raises where MongoDB does not answer; never an answer about the data."""
