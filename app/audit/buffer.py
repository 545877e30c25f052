"""Where an event waits until the chain takes it.

Two places, one promise: once ``append`` returns, the event will be in the chain.

* the stream in Redis, for what goes with no change to the database: one round trip;
* the collection ``audit_pending``, for what is part of a transaction, and where Redis is
  down.

Nothing is removed before the chain holds it, so that a crash between the two leaves an
event in both, which the chain recognises by its id. There is no consumer group: the chain
has one writer at a time, so there is no work to share out, and an entry that a dead
consumer held would wait for somebody to claim it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import orjson
import structlog
from redis.exceptions import RedisError

from app.errors import Unavailable
from app.extensions import redis, settings
from app.models.audit import pending_rows
from app.models.connection import UNREACHABLE, is_in_transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.audit.events import AuditEvent

log = structlog.get_logger(__name__)

_FIELD = "event"
_DOWN: tuple[type[Exception], ...] = (RedisError, *UNREACHABLE)


@dataclass(frozen=True, kw_only=True)
class BufferedEvent:
    """One event that waits.

    Attributes:
        content: the event's JSON, read.
        entry_id: its place in the stream; none where it waits in ``audit_pending``.
    """

    id: str
    content: dict[str, Any]  # JSON
    entry_id: str | bytes | None


def append(event: AuditEvent) -> None:
    """Keep an event until it is in the chain, within the transaction that runs, if any.

    Raises:
        Unavailable: neither Redis nor MongoDB took it. What it tells of must not be
            answered as done.
    """
    if is_in_transaction():
        append_in_transaction([event])
        return
    body = event.body()
    try:
        redis.xadd(_stream(), {_FIELD: body})
    except RedisError as error:
        log.warning("audit.stream_unavailable", error=str(error))
        _append_outside_redis(event.id, body)


def append_in_transaction(events: Sequence[AuditEvent]) -> None:
    """Keep events that become true with the transaction that runs."""
    rows = [{"_id": event.id, "body": event.body()} for event in events]
    if len(rows) == 1:
        pending_rows().insert_one(rows[0])
    else:
        pending_rows().insert_many(rows)


def _append_outside_redis(event_id: str, body: bytes) -> None:
    try:
        pending_rows().insert_one({"_id": event_id, "body": body})
    except UNREACHABLE as error:
        raise Unavailable from error


def oldest(limit: int) -> list[BufferedEvent]:
    """Return the events that have waited longest, in the order of their ids, thus of time.

    Raises:
        Unavailable: Redis or MongoDB does not answer.
    """
    try:
        waiting = [*_in_stream(limit), *_in_pending(limit)]
    except _DOWN as error:
        raise Unavailable from error
    # Each source gave its first `limit`, so the first `limit` of both are complete.
    return sorted(waiting, key=lambda one: one.id)[:limit]


def forget(events: Sequence[BufferedEvent]) -> None:
    """Remove what the chain holds now.

    Raises:
        Unavailable: Redis or MongoDB does not answer; the chain will recognise what is left.
    """
    entries = [one.entry_id for one in events if one.entry_id is not None]
    ids = [one.id for one in events if one.entry_id is None]
    try:
        if entries:
            redis.xdel(_stream(), *entries)
        if ids:
            pending_rows().delete_many({"_id": {"$in": ids}})
    except _DOWN as error:
        raise Unavailable from error


def _stream() -> str:
    return f"{settings.redis_prefix}audit:events"


def _in_stream(limit: int) -> list[BufferedEvent]:
    # The client's own types cover both of its protocols; XRANGE answers pairs in either.
    entries = cast(
        "list[tuple[str | bytes, dict[str | bytes, str | bytes]]]",
        redis.xrange(_stream(), count=limit),
    )
    return [_buffered(next(iter(fields.values())), entry_id) for entry_id, fields in entries]


def _in_pending(limit: int) -> list[BufferedEvent]:
    rows = pending_rows().find().sort("_id").limit(limit)
    return [_buffered(row["body"], None) for row in rows]


def _buffered(body: str | bytes, entry_id: str | bytes | None) -> BufferedEvent:
    content = orjson.loads(body)
    return BufferedEvent(id=content["id"], content=content, entry_id=entry_id)
