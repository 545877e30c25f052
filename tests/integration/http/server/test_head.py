"""What is no request, or could be read in two ways, is refused and the connection closed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.raw_http import Client, Server

NEXT = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

BAD_HEADS = {
    "Content-Length with Transfer-Encoding": "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding with Content-Length": "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "two lengths": "Content-Length: 5\r\nContent-Length: 6",
    "the same length twice": "Content-Length: 5\r\nContent-Length: 5",
    "a list of lengths": "Content-Length: 5, 5",
    "a length with a sign": "Content-Length: +5",
    "a negative length": "Content-Length: -5",
    "a hexadecimal length": "Content-Length: 0x5",
    "an empty length": "Content-Length:",
    "a length of other digits": "Content-Length: \u00b2",
    "an endless length": "Content-Length: " + "9" * 30,
    "another coding": "Transfer-Encoding: gzip",
    "an unknown coding": "Transfer-Encoding: xchunked",
    "chunked within a list": "Transfer-Encoding: gzip, chunked",
    "chunked twice": "Transfer-Encoding: chunked, chunked",
    "two Transfer-Encodings": "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "an empty coding": "Transfer-Encoding:",
    "a coding behind a control character": "Transfer-Encoding: \x0bchunked",
    "a space before the colon": "Transfer-Encoding : chunked",
    "a tab before the colon": "Content-Length\t: 5",
    "a folded line": "X-Long: one\r\n two",
    "a folded line with a tab": "X-Long: one\r\n\ttwo",
    "a first header that is folded": " X-Long: one",
    "a NUL": "X-Name: a\0b",
    "a control character": "X-Name: a\x01b",
    "a delete character": "X-Name: a\x7fb",
    "a bare CR": "X-Name: a\rb",
    "a bare LF": "X-Name: a\nTransfer-Encoding: chunked",
    "no name": ": value",
    "no colon": "X-Name",
    "a name with a space": "X Name: value",
    "a name that is no token": "X(Name): value",
    "a name outside ASCII": "X-N\u00e4me: value",
    "two Hosts": "Host: other",
    "two Authorizations": "Authorization: Bearer a\r\nAuthorization: Bearer b",
}


@pytest.mark.parametrize("headers", BAD_HEADS.values(), ids=BAD_HEADS.keys())
def test_a_bad_head_is_refused_and_nothing_behind_it_is_read(client: Client, headers: str) -> None:
    head = f"POST /hello HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n\r\n"
    client.send(head.encode("latin-1") + b"0\r\n\r\n" + NEXT)
    answer = client.answer()
    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert client.is_closed()


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET /hello", 400),
        ("GET", 400),
        ("GET  /hello HTTP/1.1", 400),
        ("GET /hello  HTTP/1.1", 400),
        ("GET\t/hello\tHTTP/1.1", 400),
        ("GET /hel\tlo HTTP/1.1", 400),
        (" GET /hello HTTP/1.1", 400),
        ("GET /hello HTTP/1.1 ", 400),
        ("GET /hello world HTTP/1.1", 400),
        ("G(T /hello HTTP/1.1", 400),
        ("GET hello HTTP/1.1", 400),
        ("GET * HTTP/1.1", 400),
        ("CONNECT other.example:443 HTTP/1.1", 400),
        ("GET ftp://localhost/hello HTTP/1.1", 400),
        ("GET /hello HTTP/1", 400),
        ("GET /hello http/1.1", 400),
        ("GET /hello HTTP/11.1", 400),
        ("GET /hello HTTP/0.9", 505),
        ("GET /hello HTTP/1.2", 505),
        ("PRI * HTTP/2.0", 505),
    ],
)
def test_a_bad_request_line_is_refused(client: Client, line: str, status: int) -> None:
    client.send(f"{line}\r\nHost: localhost\r\n\r\n".encode() + NEXT)
    assert client.answer().status == status
    assert client.is_closed()


def test_http_0_9_is_refused_as_soon_as_its_only_line_is_there(client: Client) -> None:
    client.send(b"GET /hello\r\n")
    assert client.answer().status == 400
    assert client.is_closed()


def test_a_head_of_bare_line_feeds_is_refused_without_waiting(client: Client) -> None:
    client.send(b"GET /hello HTTP/1.1\nHost: localhost\n\n")
    assert client.answer().status == 400


def test_http_1_1_without_a_host_is_refused(client: Client) -> None:
    client.send(b"GET /hello HTTP/1.1\r\n\r\n")
    assert client.answer().status == 400


@pytest.mark.parametrize(
    "host", ["a b", "user@host", "host/path", "host:port", "[::1", "h?q", "a,b"]
)
def test_a_host_that_is_none_is_refused(client: Client, host: str) -> None:
    client.send(f"GET /hello HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert client.answer().status == 400


@pytest.mark.parametrize(
    "host",
    ["localhost", "Packages.Example.org:3000", "127.0.0.1:3000", "[::1]:3000", "my_host", ""],
)
def test_a_host_is_accepted(client: Client, host: str) -> None:
    client.send(f"GET /hello HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert client.answer().status == 200


@pytest.mark.parametrize("ends", [True, False], ids=["that ends", "that does not end yet"])
def test_a_request_line_that_is_too_long_is_a_414(client: Client, *, ends: bool) -> None:
    client.send(b"GET /" + b"a" * 9000 + (b" HTTP/1.1\r\nHost: x\r\n\r\n" if ends else b""))
    assert client.answer().status == 414
    assert client.is_closed()


@pytest.mark.parametrize("ends", [True, False], ids=["that ends", "that does not end yet"])
@pytest.mark.parametrize("headers", ["A: b\r\n" * 101, "A: " + "b" * 33_000 + "\r\n"])
def test_a_head_that_is_too_large_is_a_431(client: Client, headers: str, *, ends: bool) -> None:
    client.send(f"GET / HTTP/1.1\r\nHost: x\r\n{headers}".encode() + (b"\r\n" if ends else b""))
    assert client.answer().status == 431
    assert client.is_closed()


def test_an_endless_head_is_a_431_that_the_client_can_read(client: Client) -> None:
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\n")
    for number in range(2000):
        client.send(b"X-%d: " % number + b"y" * 1000 + b"\r\n")
    assert client.answer().status == 431


def test_a_head_may_come_byte_by_byte(client: Client) -> None:
    for byte in b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n":
        client.send(bytes([byte]))
    assert client.answer().text == "hello"


def test_the_environment_is_what_wsgi_says(client: Client) -> None:
    client.request("GET /a%20b%2Fc/environment?x=%20y&z", "X-Name:  spaced out \t", "x-UPPER: ok")
    environ = json.loads(client.answer().text)
    assert environ["PATH_INFO"] == "/a b/c/environment"
    assert environ["RAW_URI"] == "/a%20b%2Fc/environment?x=%20y&z"
    assert environ["QUERY_STRING"] == "x=%20y&z"
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert environ["HTTP_X_NAME"] == "spaced out"
    assert environ["HTTP_X_UPPER"] == "ok"


def test_bytes_of_a_path_are_passed_as_latin_1(client: Client) -> None:
    answer = client.get("/p%C3%A4th/environment")
    assert (
        json.loads(answer.text)["PATH_INFO"].encode("latin-1").decode() == "/p\u00e4th/environment"
    )


def test_repeated_headers_are_joined_and_cookies_by_semicolons(client: Client) -> None:
    answer = client.get("/environment", "Accept: a", "Accept: b", "Cookie: c=1", "Cookie: d=2")
    environ = json.loads(answer.text)
    assert environ["HTTP_ACCEPT"] == "a,b"
    assert environ["HTTP_COOKIE"] == "c=1; d=2"


def test_a_name_with_an_underscore_cannot_pose_as_another(client: Client) -> None:
    answer = client.get("/environment", "X-Forwarded-For: 10.0.0.1", "X_Forwarded_For: 10.6.6.6")
    assert json.loads(answer.text)["HTTP_X_FORWARDED_FOR"] == "10.0.0.1"


def test_the_form_for_proxies_names_the_host(client: Client) -> None:
    answer = client.get("http://packages.example:81/environment?q")
    environ = json.loads(answer.text)
    assert (environ["HTTP_HOST"], environ["PATH_INFO"]) == ("packages.example:81", "/environment")


def test_an_empty_line_before_a_request_is_passed_over(client: Client) -> None:
    client.send(b"\r\nGET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert client.answer().text == "hello"


def test_refusals_are_logged_without_a_traceback(server: Server) -> None:
    with server.connect() as client:
        client.request("GET /hello", "Content-Length: nonsense")
        client.answer()
    logged = server.log.read_text()
    assert "request.refused" in logged
    assert "Traceback" not in logged.partition("request.refused")[2].splitlines()[0]
