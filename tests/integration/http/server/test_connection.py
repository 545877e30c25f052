"""Connections are kept, shared and closed as HTTP/1.1 says."""

from __future__ import annotations

import json
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tests.small_app import MIB

if TYPE_CHECKING:
    from tests.raw_http import Client, Server

HELLO = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_a_connection_is_kept_for_the_next_request(client: Client) -> None:
    for _ in range(3):
        answer = client.get("/hello")
        assert (answer.text, "connection" in answer.headers) == ("hello", False)


@pytest.mark.parametrize("wish", ["close", "Close", "keep-alive, close"])
def test_a_client_may_ask_to_close(client: Client, wish: str) -> None:
    assert client.get("/hello", f"Connection: {wish}").headers["connection"] == "close"
    assert client.is_closed()


def test_http_1_0_closes_unless_asked_to_keep(client: Client) -> None:
    client.send(b"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert client.answer().headers["connection"] == "keep-alive"
    client.send(b"GET /hello HTTP/1.0\r\n\r\n")
    assert client.answer().headers["connection"] == "close"
    assert client.is_closed()


def test_pipelined_requests_are_answered_in_their_order(client: Client) -> None:
    bodies = [b"x" * size for size in range(50)]
    client.send(
        b"".join(
            b"PUT /digest HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            for body in bodies
        )
    )
    read = [sum(json.loads(client.answer().text)["sizes"]) for _ in bodies]
    assert read == list(range(50))


def test_a_flood_of_pipelined_requests_leaves_others_their_turn(server: Server) -> None:
    count = 12_000  # enough that a busy machine has time for many turns
    with server.connect() as flood, server.connect() as other:
        sender = Thread(target=flood.send, args=(HELLO * count,))
        reader = Thread(target=lambda: [flood.answer() for _ in range(count)])
        sender.start()
        reader.start()
        answered = 0
        while reader.is_alive():
            assert other.get("/hello").text == "hello"
            answered += 1
        sender.join()
        reader.join()
    assert answered > 20


def test_a_client_that_sends_without_a_pause_leaves_others_their_turn(server: Server) -> None:
    size = 256 * MIB
    with server.connect() as busy, server.connect() as other:
        busy.request("PUT /digest", f"Content-Length: {size}")

        def upload() -> None:
            for _ in range(size // MIB):
                busy.send(b"x" * MIB)

        sender = Thread(target=upload)
        sender.start()
        answered = 0
        while sender.is_alive():
            assert other.get("/hello").text == "hello"
            answered += 1
        sender.join()
        assert busy.answer().status == 200
    assert answered > 20


def test_a_client_that_takes_without_a_pause_leaves_others_their_turn(server: Server) -> None:
    pieces = 512
    with server.connect() as busy, server.connect() as other:
        busy.request(f"GET /download?{pieces}")
        taker = Thread(target=busy.answer)
        taker.start()
        answered = 0
        while taker.is_alive():
            assert other.get("/hello").text == "hello"
            answered += 1
        taker.join()
    assert answered > 20


def test_a_client_that_goes_away_is_no_error(server: Server) -> None:
    before = server.log.read_text().count("Traceback")
    with server.connect() as client:
        client.request("PUT /digest", "Content-Length: 10", body=b"half")
    with server.connect() as client:
        client.request("GET /endless")
        client.read(10)
    with server.connect() as client:
        client.send(b"GET /hel")
    assert server.get("/hello").status == 200
    assert server.log.read_text().count("Traceback") == before
