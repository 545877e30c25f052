"""Show that work is being done: the schedule sends this task, and a worker ran it."""

from __future__ import annotations

from redis.exceptions import RedisError

from app.extensions import redis, settings
from app.heartbeat import HEARTBEAT_KEY
from app.models.fields import now
from workers.task import task

LIFETIME_SECONDS = 20


@task("worker.heartbeat", limit_seconds=10, retry_on=(RedisError,), retries=0)
def beat() -> None:
    """Leave a sign of life that ends by itself."""
    redis.set(settings.redis_prefix + HEARTBEAT_KEY, now().isoformat(), ex=LIFETIME_SECONDS)
