from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from bson import Binary

from app import audit
from app.audit import Actor, ActorType, AuditAction, Resource
from app.models import PendingEvent, in_transaction
from app.models.audit import audit_rows, pending_rows

if TYPE_CHECKING:
    from flask import Flask
    from redis import Redis

    from config.settings import Settings

ALICE = Actor(type=ActorType.USER, id="64a0", name="alice")


def record(name: str) -> None:
    audit.record(AuditAction.AUTH_LOGIN, actor=ALICE, resource=Resource(type="session", name=name))


def names_in_chain() -> list[str]:
    return [row["resource"]["name"] for row in audit_rows().find().sort("_id")]


def waiting(redis: Redis, settings: Settings) -> list[Any]:
    return redis.xrange(f"{settings.redis_prefix}audit:events")  # type: ignore[return-value]  # not a coroutine


@pytest.mark.usefixtures("app")
def test_events_of_both_places_come_in_the_order_of_time() -> None:
    for number in range(6):
        if number % 2:
            in_transaction(lambda number=number: record(str(number)))  # type: ignore[misc]  # bound early
        else:
            record(str(number))
    assert audit.flush() == 6
    assert names_in_chain() == ["0", "1", "2", "3", "4", "5"]
    assert audit.verify().valid


@pytest.mark.usefixtures("app")
def test_a_backlog_is_worked_off_in_batches_and_in_order() -> None:
    names = [f"{number:04}" for number in range(1201)]
    for name in names[::2]:
        record(name)
    in_transaction(lambda: [record(name) for name in names[1::2]])
    assert audit.flush() == 1201
    assert sorted(names_in_chain()) == names
    assert names_in_chain() == names[::2] + names[1::2]
    assert audit.flush() == 0


@pytest.mark.usefixtures("app")
def test_a_flush_ends_at_its_limit_and_the_next_one_goes_on() -> None:
    for number in range(5):
        record(str(number))
    assert audit.flush(limit=3) == 3
    assert names_in_chain() == ["0", "1", "2"]
    assert audit.flush() == 2


def test_an_event_that_waits_in_both_places_is_one_event(
    app: Flask, redis: Redis, settings: Settings
) -> None:
    """As after an XADD whose answer was lost: it was done, and the database took it too."""
    del app
    record("once")
    ((_, fields),) = waiting(redis, settings)
    (body,) = fields.values()
    event_id = audit_event_id(body)
    pending_rows().insert_one({"_id": event_id, "body": Binary(body)})
    assert audit.flush() == 1
    assert names_in_chain() == ["once"]
    assert PendingEvent.objects.count() == 0


def test_an_event_that_the_chain_holds_is_not_appended_again(
    app: Flask, redis: Redis, settings: Settings
) -> None:
    """As after a flush that died between its commit and the removal from Redis."""
    del app
    record("once")
    ((entry_id, fields),) = waiting(redis, settings)
    assert audit.flush() == 1
    redis.delete(f"{settings.redis_prefix}audit:events")
    redis.xadd(f"{settings.redis_prefix}audit:events", fields, id=entry_id)
    record("twice")
    assert audit.flush() == 1
    assert names_in_chain() == ["once", "twice"]
    assert waiting(redis, settings) == []


def test_flushes_at_the_same_time_append_each_event_once(app: Flask) -> None:
    for number in range(300):
        record(str(number))
    in_transaction(lambda: [record(str(number)) for number in range(300, 600)])
    start = threading.Barrier(3)
    appended = []

    def flush_beside_others() -> None:
        with app.app_context():
            start.wait()
            while count := audit.flush(limit=40):
                appended.append(count)

    flushers = [threading.Thread(target=flush_beside_others) for _ in range(3)]
    for one in flushers:
        one.start()
    for one in flushers:
        one.join()
    assert sum(appended) == 600
    assert sorted(map(int, names_in_chain())) == list(range(600))
    assert audit.verify().checked == 600


def audit_event_id(body: bytes) -> str:
    event_id: str = orjson.loads(body)["id"]
    return event_id
