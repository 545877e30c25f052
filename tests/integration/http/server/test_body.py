"""A body reaches the application as it was sent, or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.small_app import MIB

if TYPE_CHECKING:
    from tests.raw_http import Client, Server

CONTINUE = b"HTTP/1.1 100 Continue\r\n"


def chunked(*chunks: bytes, last: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + last


def test_a_large_body_is_read_in_the_pieces_asked_for(client: Client) -> None:
    body = os.urandom(5 * MIB + 17)
    read = json.loads(client.put("/digest?1048576", body).text)
    assert read == {"sha256": hashlib.sha256(body).hexdigest(), "sizes": [MIB] * 5 + [17]}


@pytest.mark.parametrize("size", [1, 255, 4096, 65536, 100_000, 3 * MIB])
def test_a_chunked_body_is_read_in_the_pieces_asked_for(client: Client, size: int) -> None:
    body = os.urandom(3 * MIB) if size > 1 else b"abc"
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    client.request("PUT /digest", "Transfer-Encoding: CHUNKED", body=chunked(*chunks))
    read = json.loads(client.answer().text)
    assert read["sha256"] == hashlib.sha256(body).hexdigest()
    assert read["sizes"][:-1] == [MIB] * (len(read["sizes"]) - 1)
    assert client.get("/hello").text == "hello"


def test_lines_of_a_body_can_be_read(client: Client) -> None:
    assert json.loads(client.put("/lines", b"one\ntwo\n\nend").text) == [
        "one\n",
        "two\n",
        "\n",
        "end",
    ]


def test_a_request_without_a_body_has_an_empty_one(client: Client) -> None:
    assert json.loads(client.get("/digest").text)["sizes"] == []


def test_chunk_extensions_and_trailers_are_passed_over(client: Client) -> None:
    body = b'3;name="v"\r\nabc\r\n2 ; x\r\nde\r\n0;end\r\nX-Trailer: yes\r\nDigest: no\r\n\r\n'
    client.request("PUT /digest", "Transfer-Encoding: chunked", body=body)
    assert json.loads(client.answer().text)["sizes"] == [5]
    assert client.get("/hello").text == "hello"


@pytest.mark.parametrize(
    "body",
    [
        b"x\r\nabc\r\n0\r\n\r\n",
        b"\r\nabc\r\n0\r\n\r\n",
        b"-3\r\nabc\r\n0\r\n\r\n",
        b"+3\r\nabc\r\n0\r\n\r\n",
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b"3_0\r\nabc\r\n0\r\n\r\n",
        b" 3\r\nabc\r\n0\r\n\r\n",
        b"3\nabc\n0\n\n" + b"\r\n",
        b"3;a\nb\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"3\r\nab\r\n0\r\n\r\n",
        b"1" * 17 + b"\r\nabc\r\n0\r\n\r\n",
        b"3;" + b"x" * 5000 + b"\r\nabc\r\n0\r\n\r\n",
        b"3;a\x00b\r\nabc\r\n0\r\n\r\n",
        b"3;a\rb\r\nabc\r\n0\r\n\r\n",
        b"0\r\nX: y\n\nGET /hidden HTTP/1.1\nHost: x\n\r\n\r\n",
        b"0\r\nX: y\x00\r\n\r\n",
        b"0\r\nX : y\r\n\r\n",
        b"0\r\n: y\r\n\r\n",
        b"0\r\nX: y\r\n folded: z\r\n\r\n",
        b"0\r\nno colon\r\n\r\n",
        b"0\r\n" + b"X: y\r\n" * 2000 + b"\r\n",
        b"0\r\n" + (b"X: " + b"y" * 900 + b"\r\n") * 5 + b"\r\n",
        b"0\r\nX-Trailer: " + b"y" * 5000 + b"\r\n\r\n",
    ],
)
def test_wrong_chunks_are_refused_and_nothing_behind_them_is_read(
    client: Client, body: bytes
) -> None:
    following = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    client.request("PUT /digest", "Transfer-Encoding: chunked", body=body + following)
    assert client.answer().status == 400
    assert client.is_closed()


def test_an_application_can_answer_wrong_chunks_itself(client: Client) -> None:
    client.request("PUT /upload_failed", "Transfer-Encoding: chunked", body=b"nonsense\r\n")
    answer = client.answer()
    assert (answer.status, answer.text) == (400, "BodyError")
    assert answer.headers["connection"] == "close"
    assert client.is_closed()


@pytest.mark.parametrize("framing", ["Content-Length: 9", "Transfer-Encoding: chunked"])
def test_an_application_learns_that_a_body_ends_too_early(client: Client, framing: str) -> None:
    client.request("PUT /upload_failed", framing, body=b"4\r\nhalf")
    client.socket.shutdown(1)
    assert client.answer().text == "ClientGone"


@pytest.mark.parametrize("expect", ["100-continue", "100-Continue"])
def test_a_client_is_told_to_continue_once_the_body_is_wanted(client: Client, expect: str) -> None:
    client.request("PUT /digest", f"Expect: {expect}", "Content-Length: 5")
    assert (client.line(), client.line()) == (CONTINUE, b"\r\n")
    client.send(b"hello")
    assert json.loads(client.answer().text)["sizes"] == [5]
    assert client.get("/hello").text == "hello"


def test_a_refusal_takes_the_place_of_the_continue(client: Client) -> None:
    client.request("PUT /refuse", "Expect: 100-continue", "Content-Length: 5")
    assert client.line() == b"HTTP/1.1 413 Content Too Large\r\n"
    assert b"Connection: close\r\n" in [client.line() for _ in range(5)]


def test_http_1_0_is_never_told_to_continue(client: Client) -> None:
    client.send(b"PUT /digest HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok")
    assert client.line() == b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize("headers", [("Content-Length: 9",), ("Transfer-Encoding: chunked",)])
def test_a_large_upload_that_is_refused_can_still_read_why(
    client: Client, headers: tuple[str, ...]
) -> None:
    size = 12 * MIB
    body = chunked(b"x" * size) if "Transfer" in headers[0] else b"x" * size
    framing = headers[0] if "Transfer" in headers[0] else f"Content-Length: {size}"
    client.request("PUT /refuse", framing, body=body)
    answer = client.answer()
    assert (answer.status, answer.text) == (413, "too large")
    assert answer.headers["connection"] == "close"
    assert client.is_closed()


def test_an_endless_upload_that_is_refused_is_not_swallowed(server: Server) -> None:
    with server.connect() as client:
        client.request("PUT /refuse", f"Content-Length: {2**40}")
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            client.send(b"x" * (256 * MIB))


def test_a_small_body_that_nobody_read_does_not_cost_the_connection(client: Client) -> None:
    answer = client.put("/refuse", b"x" * 1000)
    assert (answer.status, "connection" in answer.headers) == (413, False)
    assert client.get("/hello").text == "hello"
