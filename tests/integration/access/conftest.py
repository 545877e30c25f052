"""An app with real servers behind it, and an organization in it with people around."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app import audit
from tests.core_app import CLIENT, core_app, recorded_events, remembering_process
from tests.integration.access.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from pymongo.database import Database
    from redis import Redis

    from app.auth.principal import ClientInfo
    from app.coherence import Coherence
    from app.models import AuditRecord
    from config.settings import Settings


@pytest.fixture
def app(settings: Settings, redis: Redis, database: Database[dict[str, Any]]) -> Iterator[Flask]:
    """An app; see ``remembering`` for one that keeps answers in memory."""
    with core_app(settings, redis, database) as app:
        yield app


@pytest.fixture
def remembering(app: Flask) -> Iterator[Coherence]:
    """This process's memory."""
    with remembering_process(app) as coherence:
        yield coherence


@pytest.fixture
def client() -> ClientInfo:
    return CLIENT


@pytest.fixture
def world(app: Flask) -> World:
    del app
    return World()


@pytest.fixture
def denials(app: Flask) -> Callable[[], list[AuditRecord]]:
    """Read the refusals in the audit, in order."""
    del app
    return lambda: recorded_events(audit.AuditAction.ACCESS_DENIED)
