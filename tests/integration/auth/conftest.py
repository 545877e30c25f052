"""An app with real servers behind it, and people in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app import audit
from app.auth import users
from app.auth.principal import ClientInfo, CredentialKind, Principal
from app.auth.users import NewUser
from app.models import User, in_transaction
from tests.core_app import CLIENT, core_app, recorded_events, remembering_process
from tests.integration.auth.people import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from pymongo.database import Database
    from redis import Redis

    from app.coherence import Coherence
    from app.models import AuditRecord
    from config.settings import Settings


@pytest.fixture
def app(settings: Settings, redis: Redis, database: Database[dict[str, Any]]) -> Iterator[Flask]:
    """An app with sign-ins; see ``remembering`` for one that keeps answers in memory."""
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
    return recorded_events
