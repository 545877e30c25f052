from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from redis import Redis

from app import audit
from app.audit import Actor, ActorType, AuditAction, Resource, Result
from app.errors import Unavailable
from app.extensions import bind
from app.models import PendingEvent, PlatformSettings, in_transaction
from app.models.audit import audit_rows
from app.standalone.ports import LOOPBACK

if TYPE_CHECKING:
    from flask import Flask

    from config.settings import Settings

ALICE = Actor(type=ActorType.USER, id="64a0", name="alice", token_id="64b0")  # noqa: S106  an id
LEFT_PAD = Resource(type="package", id="64c0", name="left-pad")
NOWHERE = 1  # nothing listens on this port


@pytest.fixture
def without_redis(app: Flask) -> None:
    bind(app, "redis", Redis(host=LOOPBACK, port=NOWHERE))


@pytest.mark.usefixtures("app")
def test_an_event_says_who_did_what_from_where() -> None:
    audit.bind_request(ip="192.0.2.7", user_agent="npm/10.2.0", request_id="r-1")
    audit.record(
        AuditAction.PACKAGE_DEPRECATE,
        actor=ALICE,
        resource=LEFT_PAD,
        organization="acme",
        repository="npm",
        protocol="npm",
        details={"versions": ["1.0.0"], "message": "use String.padStart", "count": 1},
    )
    audit.unbind_request()
    audit.flush()

    (row,) = audit_rows().find()
    event = audit.to_event(row)
    assert event.pop("time").endswith("Z")
    assert event.pop("id")
    assert event.pop("hash")
    assert event == {
        "seq": 1,
        "prev_hash": "0" * 64,
        "actor": {"type": "user", "id": "64a0", "name": "alice", "token_id": "64b0"},
        "action": "package.deprecate",
        "resource": {"type": "package", "id": "64c0", "name": "left-pad"},
        "organization": "acme",
        "repository": "npm",
        "protocol": "npm",
        "result": "success",
        "ip": "192.0.2.7",
        "user_agent": "npm/10.2.0",
        "request_id": "r-1",
        "details": {"versions": ["1.0.0"], "message": "use String.padStart", "count": 1},
    }


@pytest.mark.usefixtures("app")
def test_an_event_outside_of_a_request_has_no_origin() -> None:
    audit.record(AuditAction.PACKAGE_DELETE, actor=audit.SYSTEM, resource=LEFT_PAD)
    audit.flush()
    (row,) = audit_rows().find()
    assert (row["ip"], row["user_agent"], row["request_id"]) == ("", "", "")


@pytest.mark.usefixtures("app")
def test_an_event_becomes_true_with_the_change_that_it_tells_of() -> None:
    def work() -> None:
        PlatformSettings(default_organization="acme").save()
        audit.record(AuditAction.SETTINGS_UPDATE, actor=ALICE, resource=Resource(type="settings"))

    in_transaction(work)
    assert PendingEvent.objects.count() == 1
    assert audit.flush() == 1
    assert PendingEvent.objects.count() == 0


@pytest.mark.usefixtures("app")
def test_a_change_that_is_undone_leaves_no_event() -> None:
    def work() -> None:
        audit.record(AuditAction.SETTINGS_UPDATE, actor=ALICE, resource=Resource(type="settings"))
        raise LookupError

    with pytest.raises(LookupError):
        in_transaction(work)
    assert audit.flush() == 0


def test_an_event_without_a_change_waits_in_redis(
    app: Flask, redis: Redis, settings: Settings
) -> None:
    del app
    audit.record(
        AuditAction.ACCESS_DENIED, actor=audit.ANONYMOUS, resource=LEFT_PAD, result=Result.DENIED
    )
    assert redis.xlen(f"{settings.redis_prefix}audit:events") == 1
    assert audit.flush() == 1
    assert redis.xlen(f"{settings.redis_prefix}audit:events") == 0


@pytest.mark.usefixtures("without_redis")
def test_where_redis_is_down_an_event_waits_in_the_database() -> None:
    audit.record(
        AuditAction.ACCESS_DENIED, actor=audit.ANONYMOUS, resource=LEFT_PAD, result=Result.DENIED
    )
    assert PendingEvent.objects.count() == 1


@pytest.mark.usefixtures("without_redis")
def test_where_redis_is_down_a_flush_says_so() -> None:
    with pytest.raises(Unavailable):
        audit.flush()


def test_a_redis_that_is_full_loses_no_event(app: Flask, redis: Redis, settings: Settings) -> None:
    del app
    redis.set(f"{settings.redis_prefix}audit:events", "of another type, so XADD is refused")
    audit.record(AuditAction.AUTH_LOGIN, actor=ALICE, resource=Resource(type="session"))
    assert PendingEvent.objects.count() == 1


@pytest.mark.usefixtures("app")
def test_secrets_do_not_reach_an_event() -> None:
    audit.record(
        AuditAction.TOKEN_REVOKE,
        actor=ALICE,
        resource=Resource(type="token", name="DELETE /-/user/token/abcdef"),
        details={"reason": "srg_0123456789abcdef was leaked"},
    )
    audit.flush()
    (row,) = audit_rows().find()
    assert "abcdef" not in str(row["details"]) + str(row["resource"])
