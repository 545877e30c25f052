from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from redis import Redis
from redis.exceptions import AuthenticationError

from app.standalone.ports import LOOPBACK
from app.standalone.process import running
from app.standalone.servers import MongoServer, RedisServer

if TYPE_CHECKING:
    from pathlib import Path

    from pymongo.database import Database

    from app.standalone.servers import S3Server
    from config.settings import Settings


def test_the_test_database_takes_transactions(database: Database[dict[str, Any]]) -> None:
    things = database.create_collection(
        f"things-{uuid4()}"
    )  # a used database keeps its collections
    with database.client.start_session() as session, session.start_transaction():
        things.insert_one({"name": "one"}, session=session)
        session.abort_transaction()
    assert things.count_documents({}) == 0


def test_mongodb_finds_its_data_again_on_another_port(tmp_path: Path) -> None:
    first = MongoServer(tmp_path, tmp_path / "log")
    with running(first.part()), MongoClient[dict[str, Any]](first.url) as client:
        client.test.things.insert_one({"name": "kept"})
    with socket.create_server((LOOPBACK, first.port)):
        second = MongoServer(tmp_path, tmp_path / "log")
    assert second.port != first.port
    with running(second.part()), MongoClient[dict[str, Any]](second.url) as client:
        assert [row["name"] for row in client.test.things.find()] == ["kept"]


def test_redis_keeps_what_it_acknowledged_when_it_is_killed(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, tmp_path / "log")
    with running(server.part()) as child, Redis.from_url(server.url) as client:
        client.set("key", "kept")
        os.kill(child.pid, signal.SIGKILL)
        assert child.has_ended_within(10)
    again = RedisServer(tmp_path, tmp_path / "log")
    assert again.port == server.port
    with running(again.part()), Redis.from_url(again.url) as client:
        assert client.get("key") == b"kept"


def test_redis_serves_nobody_without_its_password(redis_url: str) -> None:
    port = urlsplit(redis_url).port
    assert port is not None
    with (
        Redis(host=LOOPBACK, port=port) as stranger,
        pytest.raises(AuthenticationError),
    ):
        stranger.ping()


def test_mongodb_serves_nobody_without_its_password(mongodb_url: str) -> None:
    port = urlsplit(mongodb_url).port
    with (
        MongoClient[dict[str, Any]](LOOPBACK, port, directConnection=True) as stranger,
        pytest.raises(OperationFailure, match="requires authentication"),
    ):
        stranger.list_database_names()


@pytest.mark.parametrize("kind", [MongoServer, RedisServer])
def test_a_password_is_its_owners_alone_and_on_no_command_line(
    tmp_path: Path, kind: type[MongoServer | RedisServer]
) -> None:
    server = kind(tmp_path, tmp_path / "log")
    password = urlsplit(server.url).password
    assert password
    assert not any(password in argument for argument in server.part().argv)
    (file,) = (one for one in tmp_path.iterdir() if one.is_file() and password in one.read_text())
    assert file.stat().st_mode & 0o777 == 0o600


def test_s3_settings_lead_to_the_test_server(s3_settings: Settings, s3_server: S3Server) -> None:
    assert s3_settings.uses_s3
    assert s3_settings.s3_url == s3_server.endpoint
