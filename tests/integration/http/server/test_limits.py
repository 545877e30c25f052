"""A client that is slow on purpose holds a connection only so long."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from threading import Event
from typing import TYPE_CHECKING

import pytest

from tests.raw_http import serving
from tests.small_app import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.raw_http import Client, Server

HELLO = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"


def ticks(client: Client, count: int) -> Iterator[int]:
    """Wait a fifth of a second each time, unless the server says something."""
    client.socket.settimeout(0.2)
    for number in range(count):
        yield number
        with suppress(TimeoutError):
            client.socket.recv(1, 2)  # MSG_PEEK
            break
    client.socket.settimeout(20)


def test_a_head_that_trickles_in_is_a_408(hasty_server: Server) -> None:
    with hasty_server.connect() as client:
        client.send(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n")
        sent = 0
        for sent in ticks(client, 100):
            client.send(b"X-%d: y\r\n" % sent)
        assert client.answer().status == 408
        assert client.is_closed()
    assert sent < 90


def test_a_connection_that_says_nothing_is_closed(hasty_server: Server) -> None:
    with hasty_server.connect() as client:
        assert client.is_closed()


def test_a_kept_connection_that_rests_is_closed(hasty_server: Server) -> None:
    with hasty_server.connect() as client:
        assert client.get("/hello").text == "hello"
        assert client.is_closed()


def test_a_kept_connection_may_rest_a_while(server: Server) -> None:
    with server.connect() as client:
        client.get("/hello")
        list(ticks(client, 8))
        assert client.get("/hello").text == "hello"


def test_a_body_that_stands_still_is_given_up(hasty_server: Server) -> None:
    with hasty_server.connect() as client:
        client.request("PUT /upload_failed", "Content-Length: 100", body=b"some")
        assert client.answer().text == "ClientGone"
        assert client.is_closed()


def test_a_body_may_come_slowly(hasty_server: Server) -> None:
    with hasty_server.connect() as client:
        client.request("PUT /digest", f"Content-Length: {8 * 32768}")
        for _ in ticks(client, 8):
            client.send(b"x" * 32768)
        assert client.answer().status == 200


@pytest.mark.parametrize(
    ("framing", "beginning", "piece"),
    [
        ("Content-Length: 1000000", b"x" * 200_000, b"x"),
        ("Transfer-Encoding: chunked", b"", b"1\r\nx\r\n"),
        ("Transfer-Encoding: chunked", b"5;", b"x"),
        ("Transfer-Encoding: chunked", b"0\r\n", b"X: y\r\n"),
    ],
)
def test_a_body_that_trickles_in_is_given_up(
    hasty_server: Server, framing: str, beginning: bytes, piece: bytes
) -> None:
    with hasty_server.connect() as client:
        client.request("PUT /upload_failed", framing, body=beginning)
        for _ in ticks(client, 100):
            client.send(piece)
        assert client.answer().text == "ClientGone"
        assert client.is_closed()


def test_an_answer_that_is_taken_in_drops_is_given_up(hasty_server: Server) -> None:
    before = int(hasty_server.get("/closed").text)
    drop = Event()
    with hasty_server.connect(receive_buffer_bytes=4096) as client:
        client.request("GET /endless")
        deadline = time.monotonic() + 20
        while int(hasty_server.get("/closed").text) == before and time.monotonic() < deadline:
            client.socket.recv(4096)
            drop.wait(0.2)
        assert int(hasty_server.get("/closed").text) == before + 1


def test_an_answer_that_nobody_takes_is_given_up(hasty_server: Server) -> None:
    before = int(hasty_server.get("/closed").text)
    with hasty_server.connect(receive_buffer_bytes=4096) as client:
        client.request("GET /endless")
        deadline = time.monotonic() + 20
        while int(hasty_server.get("/closed").text) == before and time.monotonic() < deadline:
            pass
        assert int(hasty_server.get("/closed").text) == before + 1


def test_an_answer_may_be_taken_slowly(hasty_server: Server) -> None:
    """Longer than the stall time for each piece, as on a slow line."""
    with hasty_server.connect(receive_buffer_bytes=65536) as client:
        client.request("GET /download?12")
        received = 0
        started = time.monotonic()
        pause = hasty_server.connect()
        with pause:
            pause.socket.settimeout(0.2)
            while received < 12 * MIB:
                piece = client.socket.recv(MIB // 4)
                assert piece
                received += len(piece)
                if time.monotonic() - started < 4:
                    with suppress(TimeoutError):
                        pause.socket.recv(1)
    assert received > 12 * MIB


def test_many_slow_clients_do_not_keep_others_out(hasty_server: Server) -> None:
    slow = [hasty_server.connect() for _ in range(200)]
    try:
        for client in slow:
            client.send(b"GET /hello HTTP/1.1\r\n")
        assert hasty_server.get("/hello").text == "hello"
    finally:
        for client in slow:
            client.socket.close()


@pytest.fixture(scope="module")
def small_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One worker that serves twenty connections at a time."""
    with serving(tmp_path_factory.mktemp("few"), "--worker-connections", "20") as started:
        yield started


@pytest.mark.parametrize("said", [b"", b"GET /hello HTTP/1.1\r\n"])
def test_who_has_said_nothing_for_longest_makes_room(small_server: Server, said: bytes) -> None:
    with small_server.connect() as busy:
        busy.request("PUT /digest", "Content-Length: 5", body=b"he")
        quiet = []
        for _ in range(40):
            quiet.append(small_server.connect())
            quiet[-1].send(said)
        assert small_server.get("/hello").text == "hello"
        assert quiet[0].is_closed()
        quiet[-1].send(HELLO.removeprefix(said))
        assert quiet[-1].answer().text == "hello"
        busy.send(b"llo")
        assert busy.answer().status == 200
    for client in quiet:
        client.__exit__()


def uploading(server: Server, count: int, stack: ExitStack) -> list[Client]:
    """Connections that are busy: a body is on its way on each."""
    clients = [stack.enter_context(server.connect()) for _ in range(count)]
    for client in clients:
        client.request("PUT /digest", "Content-Length: 5", "Expect: 100-continue")
        assert client.line() == b"HTTP/1.1 100 Continue\r\n"
    return clients


def test_one_address_gets_half_of_the_connections(small_server: Server) -> None:
    with ExitStack() as stack:
        uploads = uploading(small_server, 10, stack)
        assert small_server.get("/hello").status == 503
        with small_server.connect(source="127.0.0.2") as other:
            assert other.get("/hello").text == "hello"
        uploads[0].line()
        uploads[0].send(b"hello")
        assert uploads[0].answer().status == 200
        assert small_server.get("/hello").text == "hello"


def test_a_proxy_of_ours_gets_as_many_as_it_wants(tmp_path: Path) -> None:
    options = ("--worker-connections", "20")
    with (
        serving(tmp_path, *options, worker="tests.small_app.ProxiedWorker") as server,
        ExitStack() as stack,
    ):
        uploading(server, 15, stack)
        assert server.get("/hello").text == "hello"
