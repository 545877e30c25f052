"""The connection to MongoDB, and transactions over several documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import mongoengine
from bson import Timestamp
from mongoengine import Document
from pymongo import MongoClient, ReadPreference, WriteConcern, timeout
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import ConnectionFailure, ExecutionTimeout, PyMongoError, WTimeoutError
from pymongo.read_concern import ReadConcern

from app.errors import Unavailable
from app.models.rows import rows_of

Result = TypeVar("Result")

_ALIAS = "default"
_DURABLE = WriteConcern(w="majority", j=True)
UNSYNCED = WriteConcern(w=1, j=False)
_SNAPSHOT = ReadConcern("snapshot")
_SERVER_SELECTION_SECONDS = 3
_LONGEST_TRANSACTION_SECONDS = 10
_TRANSIENT = "TransientTransactionError"
_in_transaction: ContextVar[bool] = ContextVar("in_transaction", default=False)


def connect(url: str, database: str) -> MongoClient[dict[str, object]]:
    """Connect this process; called once, after the fork.

    A server that does not answer fails an operation after three seconds, so that a
    client gets its 503 while it still waits.

    The client has no write concern of its own, so that MongoDB's default holds: a journaled
    majority, since 5.0. Pymongo 4.20 would send any other with each write of a transaction
    whose session is bound, and MongoDB refuses that.
    """
    mongoengine.connect(
        db=database,
        alias=_ALIAS,
        host=_without_write_concern(url),
        tz_aware=True,
        uuidRepresentation="standard",
        appname="packhouse",
        serverSelectionTimeoutMS=_SERVER_SELECTION_SECONDS * 1000,
        connectTimeoutMS=_SERVER_SELECTION_SECONDS * 1000,
        socketTimeoutMS=15_000,
        maxPoolSize=200,
        retryWrites=True,
        retryReads=True,
        readPreference="primary",
    )
    return client()


def _without_write_concern(url: str) -> str:
    """Drop what a URL may say about it, as those of hosted MongoDB do (``w=majority``)."""
    address, mark, query = url.partition("?")
    kept = [
        option
        for option in query.split("&")
        if option.partition("=")[0].lower() not in {"w", "journal", "wtimeoutms"}
    ]
    return address + mark + "&".join(kept)


def disconnect() -> None:
    """Close this process's connection."""
    mongoengine.disconnect(alias=_ALIAS)


def client() -> MongoClient[dict[str, object]]:
    """Return this process's client."""
    found: MongoClient[dict[str, object]] = mongoengine.get_connection(_ALIAS)
    return found


@dataclass(frozen=True, kw_only=True)
class Written(Generic[Result]):
    """What an unsynced write returned, and when it was by MongoDB's clock."""

    result: Result
    at: Timestamp


def write_unsynced(
    kind: type[Document], write: Callable[[Collection[dict[str, Any]]], Result]
) -> Written[Result]:
    """Write what need not outlive a crash of MongoDB, and so waits for no disk.

    A transaction that begins later sees it only if it is told so (``in_transaction``): it reads
    a snapshot that goes no further than the oldest write under way, anybody's.

    Args:
        kind: whose rows are written.
        write: one write to them; returns what it gave.
    """
    rows = rows_of(kind).with_options(write_concern=UNSYNCED)
    with client().start_session() as session, session.bind(end_session=False):
        result = write(rows)
        return Written(result=result, at=cast("Timestamp", session.operation_time))


def in_transaction(work: Callable[[], Result], *, after: Timestamp | None = None) -> Result:
    """Run ``work`` so that all of its writes happen, or none.

    Models used inside take part without naming a session. ``work`` may run again
    after a write conflict, so it must change nothing but the database.

    Args:
        work: reads and writes rows.
        after: of an unsynced write (``write_unsynced``) that ``work`` has to see.

    Raises:
        Unavailable: MongoDB does not answer, or somebody else holds the same rows, for ten
            seconds; whether the commit happened is unknown. (A process that was killed within
            a transaction holds its rows until MongoDB gives the transaction up.)
    """
    try:
        with _session() as session:
            if after is not None:
                session.advance_operation_time(after)
            return session.with_transaction(
                lambda _session: _marked(work),
                read_concern=_SNAPSHOT,
                write_concern=_DURABLE,
                read_preference=ReadPreference.PRIMARY,
            )
    except UNREACHABLE as error:
        raise Unavailable from error


@contextmanager
def _session() -> Iterator[ClientSession]:
    """A session that everything in the block takes part in, for as long as one may wait."""
    with (
        # Or pymongo would go on trying for two minutes.
        timeout(_LONGEST_TRANSACTION_SECONDS),
        client().start_session() as session,
        session.bind(end_session=False),
    ):
        yield session


def _marked(work: Callable[[], Result]) -> Result:
    mark = _in_transaction.set(True)
    try:
        return work()
    except mongoengine.errors.OperationError as error:
        # mongoengine hides the label by which a transaction is known to be worth
        # running again.
        cause = error.__cause__ or error.__context__
        if isinstance(cause, PyMongoError) and (
            cause.has_error_label(_TRANSIENT) or isinstance(cause, UNREACHABLE)
        ):
            raise cause from error
        raise
    finally:
        _in_transaction.reset(mark)


def is_in_transaction() -> bool:
    """Whether what is written now is part of a transaction, and becomes true with it."""
    return _in_transaction.get()


UNREACHABLE: tuple[type[PyMongoError], ...] = (ConnectionFailure, ExecutionTimeout, WTimeoutError)
"""What pymongo raises where MongoDB does not answer; never an answer about the data."""
