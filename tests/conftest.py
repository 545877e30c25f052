"""Real servers, started once a session, and a place of its own in them for each test."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from redis import Redis

from app.models import connection
from app.standalone.process import running
from app.standalone.servers import MongoServer, RedisServer, S3Server
from migrations.runner import migrate
from tests import oplog
from tests.databases import Databases
from tests.new_settings import new_settings, on_s3

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pymongo.database import Database

    from config.settings import Settings


# How long an example takes says something about the machine, and nothing about the code.
hypothesis.settings.register_profile(
    "untimed",
    hypothesis.settings.get_profile(hypothesis.settings.get_current_profile_name()),
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session")
def servers_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the session's servers keep their data and logs."""
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def mongodb_url(servers_directory: Path) -> Iterator[str]:
    """A MongoDB replica set of one."""
    server = MongoServer(servers_directory / "mongodb", servers_directory / "mongodb.log")
    part = server.part()
    with running(replace(part, argv=(*part.argv, *oplog.ALLOWING_IT))):
        yield server.url


@pytest.fixture(scope="session")
def redis_url(servers_directory: Path) -> Iterator[str]:
    """A Redis that keeps every write."""
    server = RedisServer(servers_directory / "redis", servers_directory / "redis.log")
    with running(server.part()):
        yield server.url


@pytest.fixture(scope="session")
def s3_server(servers_directory: Path) -> Iterator[S3Server]:
    """An S3 server with its bucket and keys."""
    server = S3Server(
        servers_directory / "s3",
        servers_directory / "s3.log",
        access_key="test-access-key",
        secret_key=secrets.token_hex(20),
        bucket="registry",
    )
    with running(server.part()):
        yield server


@pytest.fixture(scope="session")
def databases(mongodb_url: str) -> Iterator[Databases]:
    """The session's databases."""
    databases = Databases(mongodb_url, lambda: f"test_{secrets.token_hex(6)}")
    yield databases
    databases.close()


@pytest.fixture
def settings(
    mongodb_url: str, redis_url: str, databases: Databases, tmp_path: Path
) -> Iterator[Settings]:
    """Settings of this test alone: a database, a key prefix and a data folder of its own."""
    name = databases.take()
    yield new_settings(mongodb_url, redis_url, tmp_path / "data", mongodb_db=name)
    databases.give_back(name)


@pytest.fixture
def s3_settings(settings: Settings, s3_server: S3Server) -> Settings:
    """The test's settings, with artifacts in the S3 server."""
    return on_s3(settings, s3_server)


@pytest.fixture
def redis_prefix(settings: Settings) -> str:
    """What the keys of this test begin with."""
    return settings.redis_prefix


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    """A client of the test's Redis; its keys go when the test ends."""
    with Redis.from_url(settings.redis_url) as client:
        yield client
        for key in client.scan_iter(f"{settings.redis_prefix}*", count=1000):
            client.unlink(key)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database[dict[str, Any]]]:
    """This process's connection to the test's migrated database."""
    client = connection.connect(settings.mongodb_url, settings.mongodb_db)
    try:
        database: Database[dict[str, Any]] = client[settings.mongodb_db]
        migrate(database)
        yield database
    finally:
        connection.disconnect()
