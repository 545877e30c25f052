"""Real processes over real servers, some of which are killed, paused or cut off."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis

from app.standalone.process import Child, running
from app.standalone.servers import RedisServer
from tests.integration.coherence import process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
LIMIT_SECONDS = 60
RUN = {
    "threads": (sys.executable, "-m"),
    "gevent": (sys.executable, "-m", "gevent.monkey", "--module"),
}


class Remote:
    """One of the processes under test."""

    def __init__(self, child: subprocess.Popen[bytes], connection: socket.socket) -> None:
        self._child = child
        self._connection = connection
        self._lines = connection.makefile("rw")

    def read(self, tag: str = "a") -> int:
        return int(self._ask("read", tag))

    def change(self, tag: str = "a") -> int | None:
        answer: int | None = self._ask("change", tag)
        return answer

    def holds_lease(self) -> bool:
        return bool(self._ask("holds"))

    def hits(self) -> int:
        return int(self._ask("hits"))

    def pause(self) -> None:
        self._child.send_signal(signal.SIGSTOP)
        os.waitpid(self._child.pid, os.WUNTRACED)

    def go_on(self) -> None:
        self._child.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._child.kill()

    def stop(self) -> None:
        """Let it end in good order, if it has not ended otherwise."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self.go_on()
        self._child.wait(LIMIT_SECONDS)

    def _ask(self, verb: str, tag: str = "") -> Any:
        self._lines.write(json.dumps([verb, tag]) + "\n")
        self._lines.flush()
        return json.loads(self._lines.readline())


class Crew:
    """Processes on the same servers; the test itself is a writer among them."""

    def __init__(self, servers: dict[str, str], stack: ExitStack) -> None:
        self._servers = servers
        self._stack = stack
        self.coherence, self._rows = stack.enter_context(process.connected(servers))

    def change(self, tag: str = "a") -> int:
        return process.change(self.coherence, self._rows, tag)

    def readers(self, number: int, concurrency: str = "threads") -> list[Remote]:
        """Start processes that hold leases."""
        readers = [
            self._stack.enter_context(_remote(self._servers, concurrency)) for _ in range(number)
        ]
        for reader in readers:
            until(reader.holds_lease)
        return readers


@pytest.fixture
def crew(settings: Settings, redis: Redis) -> Iterator[Crew]:
    assert redis.ping()
    with ExitStack() as stack:
        yield Crew(_servers(settings), stack)


def until(condition: Any, *, seconds: float = LIMIT_SECONDS) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "waited too long"
        threading.Event().wait(0.01)


@pytest.mark.parametrize("concurrency", ["threads", "gevent"])
def test_everyone_sees_each_change_as_soon_as_it_is_acknowledged(
    crew: Crew, concurrency: str
) -> None:
    readers = crew.readers(3, concurrency)
    for _ in range(30):
        made = crew.change()
        assert [reader.read() for reader in readers] == [made] * 3
        until(lambda: all(_is_remembered(reader) for reader in readers))
    assert crew.coherence.waits == 0


def test_writers_on_one_tag_never_take_each_others_changes_back(crew: Crew) -> None:
    readers = crew.readers(3)
    acknowledged = [0]
    failures: list[str] = []

    def write_and_read(one: Remote) -> None:
        for _ in range(20):
            acknowledged.append(one.change() or 0)
            least = max(acknowledged)
            if (found := one.read()) < least:
                failures.append(f"{found}, not {least}")

    threads = [threading.Thread(target=write_and_read, args=(reader,)) for reader in readers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert max(acknowledged) == 60


@pytest.mark.chaos
def test_a_paused_process_holds_up_one_change_and_then_sees_it(crew: Crew) -> None:
    (reader,) = crew.readers(1)
    crew.change()
    until(lambda: reader.read() == 1 and _is_remembered(reader))
    reader.pause()
    made = crew.change()
    assert crew.coherence.waits == 1
    crew.change("b")
    assert crew.coherence.waits == 1
    reader.go_on()
    assert reader.read() == made
    until(lambda: _is_remembered(reader))


@pytest.mark.chaos
def test_a_killed_process_holds_up_one_change(crew: Crew) -> None:
    crew.readers(2)[0].kill()
    crew.change()
    assert crew.coherence.waits == 1
    crew.change()
    assert crew.coherence.waits == 1


def test_a_process_that_stops_holds_up_nobody(crew: Crew) -> None:
    for reader in crew.readers(2):
        reader.stop()
    crew.change()
    assert crew.coherence.waits == 0


@pytest.mark.chaos
def test_changes_are_seen_while_subscriptions_are_cut(crew: Crew, redis: Redis) -> None:
    readers = crew.readers(2)
    for _ in range(3):
        redis.client_kill_filter(_type="pubsub")
        made = crew.change()
        assert [reader.read() for reader in readers] == [made] * 2
    for reader in readers:
        until(reader.holds_lease)


@pytest.mark.chaos
def test_redis_is_killed_and_comes_back(settings: Settings, tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis", tmp_path / "redis.log")
    with ExitStack() as stack:
        child = stack.enter_context(running(server.part()))
        crew = Crew(_servers(settings) | {"redis_url": server.url}, stack)
        reader, other = crew.readers(2)
        crew.change()
        until(lambda: reader.read() == 1 and _is_remembered(reader))
        os.killpg(child.pid, signal.SIGKILL)
        made = crew.change()
        assert made == reader.read() == other.read() == 2
        assert other.change() == 3
        assert reader.read() == 3
        stack.enter_context(_started_again(server))
        assert crew.change() == reader.read() == other.read() == 4
        until(lambda: reader.holds_lease() and other.holds_lease())
        assert crew.change() == reader.read() == other.read() == 5
        until(lambda: _is_remembered(reader))


def _is_remembered(reader: Remote) -> bool:
    before = reader.hits()
    reader.read()
    return reader.hits() > before


def _servers(settings: Settings) -> dict[str, str]:
    names = ("mongodb_url", "mongodb_db", "redis_url", "redis_prefix")
    return {name: getattr(settings, name) for name in names}


@contextmanager
def _started_again(server: RedisServer) -> Iterator[Child]:
    with running(server.part()) as child:
        yield child


@contextmanager
def _remote(servers: dict[str, str], concurrency: str) -> Iterator[Remote]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        child = subprocess.Popen(  # noqa: S603  our own arguments, no shell
            [*RUN[concurrency], process.__name__, str(port), json.dumps(servers)], cwd=ROOT
        )
        listener.settimeout(LIMIT_SECONDS)
        connection, _address = listener.accept()
    with connection:
        remote = Remote(child, connection)
        yield remote
        remote.stop()
