"""How every task of this house runs.

A task takes ids, finds its own data, calls one function and may run twice. It is
acknowledged when it is done, so the work of a worker that died is given to another.
"""

from __future__ import annotations

import faulthandler
import os
import random
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, ParamSpec

import structlog
from redis.exceptions import RedisError

from app.errors import Unavailable
from app.extensions import redis, settings
from config.celery import VISIBILITY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from celery import Celery
    from flask import Flask

log = structlog.get_logger(__name__)

Arguments = ParamSpec("Arguments")

_MOST_RETRIES = 5
_LONGEST_BACKOFF_SECONDS = 60
_EXIT_OVERRAN = 70  # EX_SOFTWARE


@dataclass(frozen=True, kw_only=True)
class Task(Generic[Arguments]):
    """A function, and how a worker runs it. Calling it runs the function alone."""

    name: str
    run: Callable[Arguments, object]
    limit_seconds: int
    retry_on: tuple[type[Exception], ...]
    retries: int
    alone: bool

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        """Run the function."""
        self.run(*args, **kwargs)

    def register(self, celery: Celery, app: Flask) -> None:
        """Let ``celery`` run it, within the context of ``app``."""

        def body(job: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  untyped, from JSON
            with _within(self.limit_seconds, self.name), app.app_context():
                self._attempt(job, args, kwargs)

        celery.task(body, name=self.name, bind=True, max_retries=self.retries, shared=False)

    def _attempt(self, job: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:  # noqa: ANN401  Celery's own type, and JSON
        try:
            if not self.alone:
                self.run(*args, **kwargs)
                return
            with _turn(self.name, self.limit_seconds) as is_ours:
                if is_ours:
                    self.run(*args, **kwargs)
        except self.retry_on as error:
            attempt = job.request.retries
            if attempt >= self.retries:
                log.error("task.gave_up", task=self.name, error=str(error))  # noqa: TRY400  expected: its traceback says nothing
                return
            log.warning("task.will_retry", task=self.name, error=str(error), attempt=attempt + 1)
            raise job.retry(exc=error, countdown=backoff_seconds(attempt)) from error


def task(
    name: str,
    *,
    limit_seconds: int,
    retry_on: tuple[type[Exception], ...] = (),
    retries: int = _MOST_RETRIES,
    alone: bool = False,
) -> Callable[[Callable[Arguments, object]], Task[Arguments]]:
    """Make a task of a function.

    Args:
        name: by which ``app.jobs`` and the schedule know it.
        limit_seconds: a run that takes longer ends its worker, see :func:`_within`.
        retry_on: errors that are no fault of ours and may be gone later.
        retries: how often they are tried again; 0 for what the schedule runs again anyway.
        alone: a run that finds another one under way ends at once.
    """
    if limit_seconds >= VISIBILITY_SECONDS:
        raise ValueError(f"{name} may not run longer than {VISIBILITY_SECONDS} s")

    def decorate(run: Callable[Arguments, object]) -> Task[Arguments]:
        return Task(
            name=name,
            run=run,
            limit_seconds=limit_seconds,
            retry_on=retry_on,
            retries=retries,
            alone=alone,
        )

    return decorate


def backoff_seconds(attempt: int) -> float:
    """Return how long to wait before the next attempt: doubling, with jitter, up to a minute."""
    return min(2.0**attempt, _LONGEST_BACKOFF_SECONDS) * random.uniform(0.5, 1.0)  # noqa: S311  spreads load


@contextmanager
def _within(limit_seconds: int, name: str) -> Iterator[None]:
    """End this process if the block takes longer than its limit.

    A thread that hangs cannot be ended by itself (Celery's time limits need a pool of
    processes). The worker can: what it was doing is given to its successor, and every task
    survives that at any line.
    """

    def overran() -> None:
        log.critical("task.overran", task=name, limit_seconds=limit_seconds)
        faulthandler.dump_traceback(all_threads=True)
        os._exit(_EXIT_OVERRAN)

    watchdog = threading.Timer(limit_seconds, overran)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


@contextmanager
def _turn(name: str, limit_seconds: int) -> Iterator[bool]:
    """Yield whether no other worker runs the task; holds them off until the block ends.

    Saves work, protects nothing: the lock of a worker that died lasts for the time limit,
    which no run outlives.
    """
    lock = redis.lock(f"{settings.redis_prefix}task:{name}", timeout=limit_seconds, blocking=False)
    try:
        is_ours = lock.acquire()
    except RedisError as error:
        raise Unavailable from error
    try:
        yield is_ours
    finally:
        if is_ours:
            with suppress(RedisError):  # Then it ends by itself.
                lock.release()
