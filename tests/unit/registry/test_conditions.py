"""Ranges and conditions of reads, as RFC 9110 has them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from app.errors import PreconditionFailed, RangeNotSatisfiable
from app.registry.conditions import asked_span, require_match

ETAG = '"state"'
MODIFIED_AT = datetime(2026, 3, 1, 12, 0, 30, 500, tzinfo=UTC)
MODIFIED = "Sun, 01 Mar 2026 12:00:30 GMT"
sizes = st.integers(0, 50)


def span(size_bytes: int, method: str = "GET", **headers: str) -> tuple[int, int] | None:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    with Flask(__name__).test_request_context(method=method, headers=sent):
        return asked_span(size_bytes, etag=ETAG, modified_at=MODIFIED_AT)


@given(sizes, sizes, st.none() | sizes)
def test_a_range_is_cut_to_what_there_is(size: int, first: int, last: int | None) -> None:
    content = bytes(range(size))
    asked = f"bytes={first}-{'' if last is None else last}"
    expected = content[first:] if last is None else content[first : last + 1]
    if not expected:
        with pytest.raises(RangeNotSatisfiable) as refused:
            span(size, Range=asked)
        assert refused.value.size_bytes == size
        return
    given_span = span(size, Range=asked)
    assert given_span is not None
    start, length = given_span
    assert (start, content[start : start + length]) == (first, expected)
    assert length == len(expected)


@given(st.integers(1, 50), st.integers(1, 100))
def test_of_a_suffix_as_much_is_given_as_there_is(size: int, suffix: int) -> None:
    length = min(size, suffix)
    assert span(size, Range=f"bytes=-{suffix}") == (size - length, length)


@pytest.mark.parametrize(
    "asked",
    ["", "bytes=-", "bytes=x", "lines=1-2", "bytes=0-1,3-4", "bytes=--1", f"bytes=-{'9' * 5000}"],
)
def test_what_is_no_one_range_gives_the_whole(asked: str) -> None:
    assert span(10, Range=asked) is None


def test_only_get_has_ranges() -> None:
    assert span(10, "HEAD", Range="bytes=1-2") is None
    assert span(10, "HEAD", Range="bytes=99-") is None


@pytest.mark.parametrize("condition", [ETAG, MODIFIED])
def test_a_range_of_this_state_is_given(condition: str) -> None:
    assert span(10, Range="bytes=1-2", If_Range=condition) == (1, 2)


@pytest.mark.parametrize("condition", ['W/"state"', '"other"', "Sun, 01 Mar 2026 12:00:31 GMT"])
def test_a_range_of_another_state_is_not_mixed_with_this_one(condition: str) -> None:
    assert span(10, Range="bytes=1-2", If_Range=condition) is None


@pytest.mark.parametrize("condition", [ETAG, f'"other", {ETAG}', "*"])
def test_what_the_client_knows_matches(condition: str) -> None:
    with Flask(__name__).test_request_context(headers={"If-Match": condition}):
        require_match(ETAG)


@pytest.mark.parametrize("condition", ['"other"', 'W/"state"', ""])
def test_what_the_client_does_not_know_does_not_match(condition: str) -> None:
    with (
        Flask(__name__).test_request_context(headers={"If-Match": condition}),
        pytest.raises(PreconditionFailed),
    ):
        require_match(ETAG)
