"""An app with real servers behind it, and an organization in it with people around."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask

from app import audit
from app.auth import sessions
from app.auth.principal import ClientInfo
from app.coherence import create_coherence
from app.extensions import bind
from app.models import AuditRecord
from tests.integration.access.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pymongo.database import Database
    from redis import Redis

    from app.coherence import Coherence
    from config.settings import Settings


@pytest.fixture
def app(settings: Settings, redis: Redis, database: Database[dict[str, Any]]) -> Iterator[Flask]:
    app = Flask("access_tests")
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
def world(app: Flask) -> World:
    del app
    return World()


@pytest.fixture
def denials(app: Flask) -> Callable[[], list[AuditRecord]]:
    """Read the refusals in the audit, in order."""
    del app

    def read() -> list[AuditRecord]:
        audit.flush()
        denied = AuditRecord.objects(action=audit.AuditAction.ACCESS_DENIED)
        return list(denied.order_by("seq"))

    return read
