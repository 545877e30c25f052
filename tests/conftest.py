"""Real servers, started once a session, and a place of its own in them for each test."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis

from app.models import connection
from app.standalone.process import running
from app.standalone.servers import MongoServer, RedisServer, S3Server
from config.settings import Environment, Settings, StorageBackend, load_settings
from migrations.runner import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pymongo.database import Database


@pytest.fixture(scope="session")
def servers_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the session's servers keep their data and logs."""
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def mongodb_url(servers_directory: Path) -> Iterator[str]:
    """A MongoDB replica set of one."""
    server = MongoServer(servers_directory / "mongodb", servers_directory / "mongodb.log")
    with running(server.part()):
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


@pytest.fixture
def settings(mongodb_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """Settings of this test alone: its own database, key prefix and data folder."""
    unique = secrets.token_hex(6)
    return load_settings(
        _env_file=None,
        environment=Environment.DEVELOPMENT,
        mongodb_url=mongodb_url,
        mongodb_db=f"test_{unique}",
        redis_url=redis_url,
        redis_prefix=f"test:{unique}:",
        s3_endpoint="",
        s3_host="",
        storage_backend=StorageBackend.FILESYSTEM,
        data_dir=tmp_path / "data",
        public_url="",
        jwt_secret=secrets.token_hex(32),
        auth_encryption_key=secrets.token_hex(32),
        password_iterations=1000,
    )


@pytest.fixture
def s3_settings(settings: Settings, s3_server: S3Server) -> Settings:
    """The test's settings, with artifacts under a path of its own in the S3 server's bucket.

    Not a bucket of its own: each costs SeaweedFS seven volumes, and they are not endless.
    """
    return load_settings(
        _env_file=None,
        **settings.model_dump(exclude={"storage_backend", "storage_path"})
        | {
            "storage_backend": StorageBackend.S3,
            "storage_path": secrets.token_hex(6),
            "s3_endpoint": s3_server.endpoint,
            "s3_access_key": s3_server.access_key,
            "s3_secret_key": s3_server.secret_key,
            "s3_bucket": s3_server.bucket,
        },
    )


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
    """This process's connection to the test's migrated database, dropped when it ends."""
    client = connection.connect(settings.mongodb_url, settings.mongodb_db)
    try:
        database: Database[dict[str, Any]] = client[settings.mongodb_db]
        migrate(database)
        yield database
        client.drop_database(settings.mongodb_db)
    finally:
        connection.disconnect()
