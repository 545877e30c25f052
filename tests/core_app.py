"""An app without views, for tests that call what is beneath them."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING, Any

from flask import Flask

from app import audit
from app.auth import sessions
from app.auth.principal import ClientInfo
from app.coherence import create_coherence
from app.extensions import bind
from app.models import AuditRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pymongo.database import Database
    from redis import Redis

    from app.coherence import Coherence
    from config.settings import Settings

CLIENT = ClientInfo(ip="198.51.100.7", user_agent="npm/11.0.0", request_id="r1")


@contextmanager
def core_app(
    settings: Settings, redis: Redis, database: Database[dict[str, Any]]
) -> Iterator[Flask]:
    """Run a block within an app that has servers and sign-ins, and remembers nothing."""
    app = Flask("core")
    bind(app, "settings", settings)
    bind(app, "redis", redis)
    bind(app, "coherence", create_coherence(settings, redis, database))
    sessions.install(app, settings)
    with app.app_context():
        yield app


@contextmanager
def remembering_process(app: Flask) -> Iterator[Coherence]:
    """Keep answers in memory during a block, under a lease as a web process does."""
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


def recorded_events(action: audit.AuditAction) -> list[AuditRecord]:
    """Return what the audit says about an action, in order."""
    audit.flush()
    return list(AuditRecord.objects(action=action).order_by("seq"))
