"""Heads as bytes: what is read is what was written, and nothing else gets through."""

from __future__ import annotations

import string
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.http.server.head import HeadReader, Refusal
from app.http.server.limits import Limits

READER = HeadReader(Limits())
TOKEN = st.text(string.ascii_letters + string.digits + "!#$%&'*+-.^`|~", min_size=1, max_size=20)
VALUE = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=40
)
TARGET = st.text(string.ascii_letters + string.digits + "/%?&=-._~@", max_size=60).map("/{}".format)
SINGLE = {"content-length", "content-type", "authorization", "expect", "host", "if-range"}
FRAMING = SINGLE | {"range", "transfer-encoding", "connection", "cookie"}


@given(st.binary(max_size=300))
@example(b"")
@example(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: \xb2")
@example(b"GET http:// HTTP/1.1\r\nHost: a")
@example(b"GET /% HTTP/1.1\r\nHost: a")
def test_any_bytes_are_read_or_refused(head: bytes) -> None:
    environ: dict[str, Any] = {}
    with suppress(Refusal):
        READER.parse(head, environ)
        assert environ["PATH_INFO"].startswith("/")


@given(st.lists(st.sampled_from([b"GET ", b"/a", b" ", b"HTTP/1.1", b"\r\n", b"Host", b":", b"a",
    b"\r", b"\n", b"\t", b"Content-Length", b"Transfer-Encoding", b"chunked", b"5", b"\0"]),
    max_size=30))  # fmt: skip
def test_an_accepted_head_has_one_reading(parts: list[bytes]) -> None:
    head = b"".join(parts)
    environ: dict[str, Any] = {}
    try:
        framing = READER.parse(head, environ)
    except Refusal:
        return
    assert b"\r" not in head.replace(b"\r\n", b"")
    assert b"\n" not in head.replace(b"\r\n", b"")
    names = [line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:]]
    assert names.count(b"host") == 1
    assert names.count(b"content-length") + names.count(b"transfer-encoding") <= 1
    assert (framing.body_bytes is None) == (b"transfer-encoding" in names)


@given(
    TOKEN, TARGET, st.dictionaries(TOKEN.filter(lambda name: name.lower() not in FRAMING), VALUE)
)
def test_what_was_written_is_read(method: str, target: str, fields: dict[str, str]) -> None:
    fields = {name.lower(): value for name, value in fields.items()}
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    environ: dict[str, Any] = {}
    framing = READER.parse("\r\n".join(lines).encode("latin-1"), environ)
    assert (environ["REQUEST_METHOD"], environ["RAW_URI"]) == (method, target)
    assert environ["QUERY_STRING"] == target.partition("?")[2]
    assert (framing.body_bytes, framing.keeps_alive) == (0, True)
    for name, value in fields.items():
        assert environ["HTTP_" + name.upper().replace("-", "_")] == value.strip(" \t")


@pytest.mark.parametrize(
    ("version", "connection", "keeps_alive"),
    [
        ("1.1", "", True),
        ("1.1", "keep-alive", True),
        ("1.1", "Close", False),
        ("1.1", "x, close", False),
        ("1.0", "", False),
        ("1.0", "Keep-Alive", True),
        ("1.0", "close", False),
    ],
)
def test_the_client_says_whether_it_stays(
    version: str, connection: str, *, keeps_alive: bool
) -> None:
    head = f"GET / HTTP/{version}\r\nHost: a\r\nConnection: {connection}".encode()
    assert READER.parse(head, {}).keeps_alive is keeps_alive
