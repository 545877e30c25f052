"""The whole application over real servers, and people in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from app import create_app
from app.models import connection
from app.storage.s3 import Connection
from migrations.runner import migrate
from tests.stores import s3_settings
from tests.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from app.standalone.servers import S3Server
    from config.settings import Settings


@pytest.fixture(scope="session")
def s3_connection(s3_server: S3Server) -> Connection:
    """One S3 client for all tests: making one takes half a second."""
    return Connection(s3_settings(Path(), s3_server))


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The application on a migrated database of its own, holding a lease as a web process does."""
    app = create_app(settings)
    client = connection.client()
    try:
        migrate(client[settings.mongodb_db])
        coherence: Any = app.extensions["packhouse.coherence"]
        coherence.start()
        yield app
        coherence.stop()
    finally:
        app.extensions["packhouse.redis"].close()
        connection.disconnect()


@pytest.fixture
def world(app: Flask) -> World:
    """Makes people, organizations and repositories."""
    return World(app)
