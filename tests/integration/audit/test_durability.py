"""What MongoDB is asked to promise of the audit, whatever its own default is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis

from app import audit
from app.audit import ANONYMOUS, AuditAction, Resource
from app.extensions import bind
from app.models import in_transaction
from app.standalone.ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from pymongo.database import Database

NOWHERE = 1  # nothing listens on this port


@pytest.fixture
def profiled(database: Database[dict[str, Any]]) -> Iterator[Database[dict[str, Any]]]:
    """The test's database, which notes every command that it is sent."""
    database.command("profile", 2)
    yield database
    database.command("profile", 0)
    database.drop_collection("system.profile")


def record() -> None:
    session = Resource(type="session", name="s")
    audit.record(AuditAction.AUTH_LOGIN, actor=ANONYMOUS, resource=session)


def promises_asked_for(database: Database[dict[str, Any]], collection: str) -> list[Any]:
    """Return what each insert into a collection asked for; none of itself within a transaction."""
    inserts = {"ns": f"{database.name}.{collection}", "op": "insert"}
    return [one["command"].get("writeConcern") for one in database["system.profile"].find(inserts)]


@pytest.mark.usefixtures("app")
def test_what_enters_the_chain_is_on_the_disks_of_a_majority(
    profiled: Database[dict[str, Any]],
) -> None:
    record()
    assert audit.flush() == 1
    assert promises_asked_for(profiled, "audit") == [{"w": "majority", "j": True}]


def test_an_event_that_waits_in_the_database_is_on_the_disks_of_a_majority(
    app: Flask, profiled: Database[dict[str, Any]]
) -> None:
    bind(app, "redis", Redis(host=LOOPBACK, port=NOWHERE))
    record()
    assert promises_asked_for(profiled, "audit_pending") == [{"w": "majority", "j": True}]


@pytest.mark.usefixtures("app")
def test_an_event_of_a_transaction_leaves_the_promise_to_its_commit(
    profiled: Database[dict[str, Any]],
) -> None:
    in_transaction(record)
    assert promises_asked_for(profiled, "audit_pending") == [None]
    assert audit.flush() == 1
