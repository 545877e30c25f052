"""Real workers and their schedule, as processes of a test."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from redis import Redis
from redis.exceptions import RedisError

from app.heartbeat import HEARTBEAT_KEY
from app.standalone.process import Part
from tests.live import ROOT, settings_environment

if TYPE_CHECKING:
    from pathlib import Path

    from config.settings import Settings


def celery_part(settings: Settings, log: Path, *command: str, module: str = "celery_app") -> Part:
    """A process of Celery's; ready at once, since what it does is what shows that it lives."""
    return Part(
        name=command[0],
        argv=(sys.executable, "-m", "celery", "-A", module, *command),
        log=log,
        is_ready=lambda: True,
        env={
            **settings_environment(settings),
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tests/integration/workers'}",
        },
    )


def has_heartbeat(settings: Settings) -> bool:
    """Whether a worker has run what the schedule sent."""
    with Redis.from_url(settings.redis_url) as client:
        try:
            return bool(client.exists(settings.redis_prefix + HEARTBEAT_KEY))
        except RedisError:
            return False
