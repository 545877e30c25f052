"""An answer ends where the client thinks it ends, or visibly breaks off."""

from __future__ import annotations

import hashlib
from http.client import IncompleteRead
from typing import TYPE_CHECKING

import pytest

from tests.small_app import MIB

if TYPE_CHECKING:
    from tests.raw_http import Client, Server


def test_a_known_length_is_announced_where_the_application_does_not(client: Client) -> None:
    answer = client.get("/process")
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert "transfer-encoding" not in answer.headers


def test_an_unknown_length_is_sent_in_chunks(client: Client) -> None:
    answer = client.get("/pieces")
    assert (answer.text, answer.headers["transfer-encoding"]) == ("one two three", "chunked")
    assert client.get("/hello").text == "hello"


def test_an_unknown_length_ends_with_the_connection_for_http_1_0(client: Client) -> None:
    client.send(b"GET /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    answer = client.answer()
    assert (answer.text, answer.headers["connection"]) == ("one two three", "close")
    assert "transfer-encoding" not in answer.headers


def test_what_is_written_comes_before_what_is_returned(client: Client) -> None:
    assert client.get("/written").text == "written, returned"


def test_head_has_the_headers_of_get_and_no_body(client: Client) -> None:
    client.request("HEAD /hello")
    assert client.answer("HEAD").headers["content-length"] == "5"
    assert client.get("/hello").text == "hello"


@pytest.mark.parametrize("status", [204, 304])
def test_some_statuses_have_no_body(client: Client, status: int) -> None:
    answer = client.get(f"/status?{status}")
    assert (answer.status, answer.headers["etag"]) == (status, '"x"')
    assert not {"content-length", "transfer-encoding"} & answer.headers.keys()
    assert client.get("/hello").text == "hello"


def test_a_date_is_sent(client: Client) -> None:
    assert client.get("/hello").headers["date"].endswith(" GMT")


def test_a_large_download_arrives_whole(client: Client) -> None:
    expected = hashlib.sha256(b"".join(bytes([number]) * MIB for number in range(64))).digest()
    assert hashlib.sha256(client.get("/download?64").body).digest() == expected
    assert client.get("/hello").text == "hello"


def test_a_body_shorter_than_announced_breaks_the_connection_off(client: Client) -> None:
    with pytest.raises((IncompleteRead, ConnectionResetError)):
        client.get("/short")


def test_a_body_longer_than_announced_does_not_reach_the_client(client: Client) -> None:
    client.request("GET /long")
    assert b"HTTP" not in client.rest().partition(b"\r\n")[2]


def test_a_failure_is_a_500_that_gives_nothing_away(server: Server, client: Client) -> None:
    answer = client.get("/fail")
    assert answer.status == 500
    assert "secret" not in answer.text
    assert "a secret of the application" in server.log.read_text()


def test_a_header_cannot_be_split(client: Client) -> None:
    answer = client.get("/split")
    assert (answer.status, "set-cookie" in answer.headers) == (500, False)


def test_a_failure_midway_cannot_be_taken_for_the_end(client: Client) -> None:
    with pytest.raises((IncompleteRead, ConnectionResetError)):
        client.get("/fail_midway")


def test_a_failure_midway_cannot_be_taken_for_the_end_by_http_1_0(client: Client) -> None:
    client.send(b"GET /fail_midway HTTP/1.0\r\n\r\n")
    with pytest.raises(ConnectionResetError):
        client.answer()
