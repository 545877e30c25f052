"""No process answers with what was before an acknowledged change."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from itertools import cycle
from threading import Event, Thread
from typing import TYPE_CHECKING, Self

import pytest
from redis import Redis

from app.standalone.process import running
from app.standalone.servers import RedisServer
from tests.integration.chaos.conftest import ORGANIZATION, members
from tests.integration.chaos.traffic import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from config.settings import Settings
    from tests.live import LiveServer
    from tests.world import World

pytestmark = pytest.mark.chaos

WRITERS = 8
CHANGES = 5_000
CHANGES_UNDER_TROUBLE = 400


def run_writers(
    servers: list[LiveServer],
    world: World,
    changes: int,
    disturb: Callable[[Event], None] | None = None,
) -> list[Writer]:
    """Let all writers make their changes; returns them when they are done.

    Args:
        disturb: makes trouble once; called again and again until the writers are done,
            which it is told by the event. It runs in the main thread, by which processes
            that it starts live.
    """
    people = members(world, WRITERS, spare_tokens=changes // WRITERS // 10)
    urls = [one.url for one in servers]
    writers = [
        Writer(number, urls, ORGANIZATION, member, changes // WRITERS)
        for number, member in enumerate(people)
    ]
    over = Event()

    def wait_for_all() -> None:
        for one in writers:
            one.join()
        over.set()

    for one in writers:
        one.start()
    Thread(target=wait_for_all, daemon=True).start()
    while disturb is not None and not over.is_set():
        disturb(over)
    over.wait()
    return writers


def assert_nothing_stale(writers: list[Writer], changes: int) -> None:
    """Every writer made its changes and saw each of them through another process."""
    assert [one.error for one in writers if one.error is not None] == []
    assert [line for one in writers for line in one.outcome.stale] == []
    assert sum(one.outcome.changes for one in writers) >= changes // WRITERS * WRITERS


def test_each_change_is_seen_at_once_through_every_other_process(
    three_processes: list[LiveServer], outside: World
) -> None:
    writers = run_writers(three_processes, outside, CHANGES)
    assert_nothing_stale(writers, CHANGES)
    assert sum(one.outcome.refused for one in writers) == 0


def test_nothing_is_stale_while_processes_are_suspended(
    three_processes: list[LiveServer], outside: World
) -> None:
    targets = cycle(three_processes)

    def suspend_one(over: Event) -> None:
        (pid,) = next(targets).worker_pids()
        os.kill(pid, signal.SIGSTOP)
        over.wait(5)
        os.kill(pid, signal.SIGCONT)
        over.wait(2)

    writers = run_writers(three_processes, outside, CHANGES_UNDER_TROUBLE, suspend_one)
    assert_nothing_stale(writers, CHANGES_UNDER_TROUBLE)


def test_nothing_is_stale_while_subscriptions_are_cut(
    three_processes: list[LiveServer], outside: World, redis: Redis
) -> None:
    def cut(over: Event) -> None:
        redis.client_kill_filter(_type="pubsub")
        over.wait(0.3)

    writers = run_writers(three_processes, outside, CHANGES_UNDER_TROUBLE, cut)
    assert_nothing_stale(writers, CHANGES_UNDER_TROUBLE)


class TestWithARedisOfItsOwn:
    @pytest.fixture
    def own_redis(self, tmp_path: Path) -> Iterator[RestartableRedis]:
        server = RedisServer(tmp_path / "own-redis", tmp_path / "own-redis.log")
        with RestartableRedis(server) as restartable:
            yield restartable

    @pytest.fixture
    def settings(self, settings: Settings, own_redis: RestartableRedis) -> Settings:
        return settings.model_copy(update={"redis_url": own_redis.url})

    def test_nothing_is_stale_while_redis_is_stopped_and_started(
        self,
        own_redis: RestartableRedis,
        three_processes: list[LiveServer],
        outside: World,
    ) -> None:
        def stop_and_start(over: Event) -> None:
            own_redis.stop()
            over.wait(3)
            own_redis.start()
            over.wait(3)

        writers = run_writers(three_processes, outside, CHANGES_UNDER_TROUBLE, stop_and_start)
        assert_nothing_stale(writers, CHANGES_UNDER_TROUBLE)


class RestartableRedis:
    """A Redis that this test may stop and start."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._running = ExitStack()

    @property
    def url(self) -> str:
        """Where it listens, before and after."""
        return self._server.url

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it; it is ready when this returns."""
        self._running.enter_context(running(self._server.part()))

    def stop(self) -> None:
        """Stop it."""
        self._running.close()
