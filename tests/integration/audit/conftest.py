"""What the audit needs of an application: settings, Redis and a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask

from app.extensions import bind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pymongo.database import Database
    from redis import Redis

    from config.settings import Settings


@pytest.fixture
def app(settings: Settings, redis: Redis, database: Database[dict[str, Any]]) -> Iterator[Flask]:
    """An application with what the audit uses, in its context."""
    del database
    app = Flask("audit_tests")
    bind(app, "settings", settings)
    bind(app, "redis", redis)
    with app.app_context():
        yield app
