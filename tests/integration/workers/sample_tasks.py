"""A Celery application with tasks that hang, fail and collide, for a real worker to run."""

from __future__ import annotations

import threading

from celery import Celery
from flask import Flask
from redis import Redis

from app.errors import Unavailable
from app.extensions import bind, redis, settings
from config.celery import celery_options
from config.settings import load_settings
from workers.task import task


def note(event: str) -> None:
    redis.rpush(f"{settings.redis_prefix}notes", event)


@task("sample.hang", limit_seconds=1)
def hang() -> None:
    note("hanging")
    threading.Event().wait()


@task("sample.unlucky", limit_seconds=5, retry_on=(Unavailable,), retries=1)
def unlucky(times: int) -> None:
    note("tried")
    if redis.llen(f"{settings.redis_prefix}notes") <= times:
        raise Unavailable
    note("done")


@task("sample.lonely", limit_seconds=10, alone=True)
def lonely() -> None:
    """Wait, as the only run, until the test lets it go."""
    note("began")
    redis.blpop([f"{settings.redis_prefix}go"], timeout=5)


@task("sample.mark", limit_seconds=5)
def mark(name: str) -> None:
    note(name)


def application() -> Flask:
    settings = load_settings(_env_file=None)
    app = Flask("sample")
    bind(app, "settings", settings)
    bind(app, "redis", Redis.from_url(settings.redis_url))
    return app


celery = Celery("sample")
celery.config_from_object(celery_options(load_settings(_env_file=None)))
flask_app = application()
for one in (hang, unlucky, lonely, mark):
    one.register(celery, flask_app)
