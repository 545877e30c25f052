"""Whether work is being done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis import Redis
from redis.exceptions import RedisError

from app.heartbeat import HEARTBEAT_KEY
from app.standalone.errors import CannotStart

if TYPE_CHECKING:
    from config.settings import Settings

_PROBE_SECONDS = 5


class Heart:
    """The sign of life that a worker leaves once the schedule has sent it a task.

    It takes both, so it tells of both that they are ready.
    """

    def __init__(self, settings: Settings) -> None:
        self._redis = Redis.from_url(settings.redis_url, socket_timeout=_PROBE_SECONDS)
        self._key = settings.redis_prefix + HEARTBEAT_KEY

    def forget(self) -> None:
        """Remove what an earlier run's worker left.

        Raises:
            CannotStart: the Redis of the settings does not answer.
        """
        try:
            self._redis.delete(self._key)
        except RedisError as error:
            raise CannotStart(f"REDIS_URL: no Redis answers there. {error}") from error

    def beats(self) -> bool:
        """Whether the sign is there."""
        try:
            return bool(self._redis.exists(self._key))
        except RedisError:
            return False
