"""The installation that is looked at, and its connections, made when they are asked for."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from redis import Redis
from redis.exceptions import RedisError

from app.doctor.diagnosis import Unknown

if TYPE_CHECKING:
    from pymongo.database import Database

    from config.settings import Settings

_PATIENCE_SECONDS = 3


class Patient:
    """One installation, by its settings; closes its connections at the end of a block.

    Attributes:
        settings: as the environment has them.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._connections = ExitStack()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close what was opened."""
        self._connections.close()

    @cached_property
    def _client(self) -> MongoClient[dict[str, Any]]:
        """A client of MongoDB, which may not answer."""
        client: MongoClient[dict[str, Any]] = MongoClient(
            self.settings.mongodb_url,
            serverSelectionTimeoutMS=_PATIENCE_SECONDS * 1000,
            connectTimeoutMS=_PATIENCE_SECONDS * 1000,
            appname="packhouse doctor",
        )
        return self._connections.enter_context(client)

    @property
    def database(self) -> Database[dict[str, Any]]:
        """The registry's database, where MongoDB answers and lets us in.

        Raises:
            Unknown: it does not.
        """
        if self._mongodb_error is not None:
            raise Unknown("MongoDB does not answer.") from self._mongodb_error
        return self._client[self.settings.mongodb_db]

    @cached_property
    def _mongodb_error(self) -> PyMongoError | None:
        """Why MongoDB cannot be used; none where it can. Finding out may take its time."""
        try:
            self._client[self.settings.mongodb_db].list_collection_names()
        except PyMongoError as error:
            return error
        return None

    @property
    def redis(self) -> Redis:
        """A client of Redis, where it answers and lets us in.

        Raises:
            Unknown: it does not.
        """
        if isinstance(self._redis, Exception):
            raise Unknown("Redis does not answer.") from self._redis
        return self._redis

    @cached_property
    def _redis(self) -> Redis | RedisError | ValueError:
        """A client, or why there is none."""
        try:
            client: Redis = Redis.from_url(
                self.settings.redis_url,
                socket_timeout=_PATIENCE_SECONDS,
                socket_connect_timeout=_PATIENCE_SECONDS,
            )
            self._connections.enter_context(client)
            client.ping()
        except (RedisError, ValueError) as error:  # the latter of what is no URL of Redis
            return error
        return client
