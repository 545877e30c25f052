"""Texts that grow: what a client puts together of ranges is the whole."""

from __future__ import annotations

import base64
import hashlib

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from app.errors import RangeNotSatisfiable
from app.registry.appended import AppendedText, GrowingText, appended_response

pieces = st.lists(st.binary(max_size=40), max_size=12)


def answered(text: AppendedText, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    with Flask(__name__).test_request_context(headers=sent):
        response = appended_response(text, media_type="text/plain", may_be_hot=False)
        body = b"".join(response.iter_encoded())
        return response.status_code, body, dict(response.headers)


@given(st.binary(min_size=1, max_size=60), pieces)
def test_what_a_client_appends_makes_the_whole(first: bytes, more: list[bytes]) -> None:
    growing = GrowingText()
    growing.append(first)
    before = growing.state()
    known = b"".join(before.pieces)
    for piece in more:
        growing.append(piece)
    after = growing.state()
    whole = b"".join(after.pieces)
    asked = {"If_None_Match": before.etag, "Range": f"bytes={len(known) - 1}-"}
    status, body, headers = answered(after, **asked)
    if whole == known:
        assert (status, body) == (304, b"")
        return
    assert status == 206
    assert known[:-1] + body == whole
    sha256 = base64.b64encode(hashlib.sha256(whole).digest()).decode()
    assert headers["Repr-Digest"] == f"sha-256=:{sha256}:"
    assert headers["ETag"] == f'"{hashlib.md5(whole, usedforsecurity=False).hexdigest()}"'
    # The state of before is as it was.
    assert answered(before)[1] == known


@given(pieces, st.integers(0, 600), st.integers(0, 600))
def test_every_range_is_that_of_the_whole(more: list[bytes], start: int, stop: int) -> None:
    growing = GrowingText()
    for piece in more:
        growing.append(piece)
    text = growing.state()
    whole = b"".join(more)
    assert b"".join(text.read(start, stop)) == whole[start:stop]


def test_a_text_of_many_pieces_is_kept_in_few() -> None:
    growing = GrowingText()
    for number in range(5000):
        growing.append(f"{number}\n".encode())
    text = growing.state()
    assert len(text.pieces) < 2000
    assert b"".join(text.pieces) == AppendedText.of(b"".join(text.pieces)).pieces[0]
    assert text.md5 == AppendedText.of(b"".join(text.pieces)).md5


def test_a_range_after_the_end_cannot_be_given() -> None:
    with pytest.raises(RangeNotSatisfiable):
        answered(AppendedText.of(b"abc"), Range="bytes=3-")


@pytest.mark.parametrize(
    "headers", [{"Range": "bytes=x"}, {"Range": "bytes=0-1,2-3"}, {"If_Range": '"x"'}]
)
def test_what_is_no_one_range_is_ignored(headers: dict[str, str]) -> None:
    status, body, _headers = answered(AppendedText.of(b"abc"), **{"Range": "bytes=1-", **headers})
    assert (status, body) == (200, b"abc")


@pytest.mark.parametrize("known", ["{}", "W/{}", '"other", W/{}', "*"])
def test_a_copy_that_is_still_right_is_told_so(known: str) -> None:
    text = AppendedText.of(b"text")
    status, body, headers = answered(text, If_None_Match=known.format(text.etag))
    assert (status, body, headers["ETag"]) == (304, b"", text.etag)
    assert answered(text, If_None_Match='"other"')[0] == 200
