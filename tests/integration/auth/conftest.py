"""An app with real servers behind it, and people in it."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask

from app import audit
from app.auth import sessions, users
from app.auth.principal import ClientInfo, CredentialKind, Principal
from app.auth.users import NewUser
from app.coherence import create_coherence
from app.extensions import bind
from app.models import AuditRecord, User, in_transaction
from tests.integration.auth.people import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pymongo.database import Database
    from redis import Redis

    from app.coherence import Coherence
    from config.settings import Settings


@pytest.fixture
def app(settings: Settings, redis: Redis, database: Database[dict[str, Any]]) -> Iterator[Flask]:
    """An app with sign-ins; see ``remembering`` for one that keeps answers in memory."""
    app = Flask("auth_tests")
    bind(app, "settings", settings)
    bind(app, "redis", redis)
    bind(app, "coherence", create_coherence(settings, redis, database))
    sessions.install(app, settings)
    with app.app_context():
        yield app


@pytest.fixture
def remembering(app: Flask) -> Iterator[Coherence]:
    """This process's memory, under a lease as in a web process."""
    coherence: Coherence = app.extensions["packhouse.coherence"]
    coherence.start()
    tick = Event()
    for _ in range(1000):
        if coherence.holds_lease:
            break
        tick.wait(0.01)
    assert coherence.holds_lease
    yield coherence
    coherence.stop()


@pytest.fixture
def client() -> ClientInfo:
    return ClientInfo(ip="198.51.100.7", user_agent="npm/11.0.0", request_id="r1")


@pytest.fixture
def other_client() -> ClientInfo:
    return ClientInfo(ip="203.0.113.9", user_agent="pip/26.0", request_id="r2")


@pytest.fixture
def make_user(app: Flask) -> Callable[..., User]:
    """Make a user: ``make_user("alice")``, with ``PASSWORD`` unless another is given."""
    del app

    def make(username: str, **fields: Any) -> User:
        values: dict[str, Any] = {
            "email": f"{username}@acme.test",
            "username": username,
            "password": PASSWORD,
        }
        user = users.prepare(NewUser(**values | fields))
        in_transaction(lambda: users.insert(user, actor=audit.SYSTEM))
        return user

    return make


@pytest.fixture
def alice(make_user: Callable[..., User]) -> User:
    return make_user("alice")


@pytest.fixture
def root(make_user: Callable[..., User]) -> Principal:
    """A platform admin who is signed in."""
    user = make_user("root-admin", is_platform_admin=True)
    return users.principal_of(user, CredentialKind.SESSION)


@pytest.fixture
def recorded(app: Flask) -> Callable[..., list[AuditRecord]]:
    """Read what the audit says about an action, in order."""
    del app

    def read(action: audit.AuditAction) -> list[AuditRecord]:
        audit.flush()
        return list(AuditRecord.objects(action=action).order_by("seq"))

    return read
