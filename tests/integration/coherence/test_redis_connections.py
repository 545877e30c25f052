"""Connections that give up rather than say a thing twice."""

from __future__ import annotations

import socketserver
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.coherence.bus import BusError
from app.coherence.redis_connections import Connections
from app.coherence.redis_scripts import Script

if TYPE_CHECKING:
    from collections.abc import Iterator


class HangsUp(socketserver.StreamRequestHandler):
    """Agrees to everything, but hangs up instead of answering ``PUBLISH``."""

    heard: list[str]

    def handle(self) -> None:
        while (line := self.rfile.readline()) != b"":
            count = int(line[1:])
            words = [self._word() for _ in range(count)]
            self.heard.append(words[0])
            if words[0] == "PUBLISH":
                return
            self.wfile.write(b"+OK\r\n")

    def _word(self) -> str:
        size = int(self.rfile.readline()[1:])
        return self.rfile.read(size + 2)[:-2].decode()


@contextmanager
def a_server_that_hangs_up() -> Iterator[tuple[int, list[str]]]:
    heard: list[str] = []
    handler = type("Handler", (HangsUp,), {"heard": heard})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1], heard
        server.shutdown()
        thread.join()


def test_what_was_not_answered_is_not_said_again() -> None:
    with a_server_that_hangs_up() as (port, heard):
        repeating = Retry(NoBackoff(), 5)
        with Redis(host="127.0.0.1", port=port, retry=repeating, protocol=2) as client:
            with pytest.raises(BusError):
                Connections(client).execute("PUBLISH", "channel", "message")
            assert heard.count("PUBLISH") == 1


def test_a_server_that_is_not_there_is_an_error_soon() -> None:
    with Redis(host="127.0.0.1", port=9) as client, pytest.raises(BusError):
        Connections(client).execute("PING")


def test_a_connection_is_used_again_unless_it_failed(redis: Redis) -> None:
    connections = Connections(redis)
    first = connections.execute("CLIENT", "ID")
    assert connections.execute("CLIENT", "ID") == first
    with pytest.raises(BusError):
        connections.execute("NO SUCH COMMAND")
    assert connections.execute("CLIENT", "ID") == first
    redis.client_kill_filter(_id=str(first))
    with pytest.raises(BusError):
        connections.execute("CLIENT", "ID")
    assert connections.execute("CLIENT", "ID") > first


def test_a_script_is_sent_once_and_then_known_by_its_digest(redis: Redis) -> None:
    connections = Connections(redis)
    script = Script("return {KEYS[1], ARGV[1]}")
    for _ in range(2):
        assert connections.run(script, ["key"], ["argument"]) == ["key", "argument"]
    assert redis.script_exists(script.digest) == [True]


def test_messages_arrive_in_order_from_the_subscription_on(redis: Redis) -> None:
    subscription = Connections(redis).subscribe("test:one", "test:two")
    for channel, message in (("test:one", "1"), ("test:two", "2"), ("test:one", "3")):
        redis.publish(channel, message)
    assert [subscription.receive(10) for _ in range(3)] == ["1", "2", "3"]
    assert subscription.receive(0.01) is None
    redis.publish("test:one", "later")
    assert subscription.receive(10) == "later"
    subscription.close()
    with pytest.raises(BusError):
        subscription.receive(0.01)
