"""An app that has settings, and nothing that needs a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from flask import Flask

from app.auth import sessions
from app.extensions import bind
from config.settings import Environment, Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def unit_settings() -> Settings:
    return load_settings(
        _env_file=None,
        environment=Environment.DEVELOPMENT,
        jwt_secret="a" * 64,
        auth_encryption_key="0b" * 32,
        password_iterations=1000,
    )


@pytest.fixture(autouse=True)
def app(unit_settings: Settings) -> Iterator[Flask]:
    app = Flask("test")
    bind(app, "settings", unit_settings)
    sessions.install(app, unit_settings)
    with app.app_context():
        yield app
