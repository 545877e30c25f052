from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from app.auth import token_format

TOKEN = "srg_0123456789abcdefghijABCDEFGHIJ"  # noqa: S105  nobody's


def test_a_new_token_is_well_formed_and_can_be_found_by_secret_scanners() -> None:
    tokens = {token_format.new_token() for _ in range(100)}
    assert len(tokens) == 100
    for token in tokens:
        assert re.fullmatch("srg_[0-9A-Za-z]{36}", token)
        assert token_format.is_well_formed(token)


def test_random_digits_hold_at_least_160_bits() -> None:
    random_digits = len(token_format.new_token()) - len("srg_") - 6
    assert 62**random_digits >= 2**160


@given(place=st.integers(4, 39), digit=st.sampled_from("0123456789abcXYZ"))
def test_a_mistyped_token_is_refused_without_a_look_up(place: int, digit: str) -> None:
    token = token_format.new_token()
    mistyped = token[:place] + digit + token[place + 1 :]
    assert token_format.is_well_formed(mistyped) == (mistyped == token)


@given(st.text())
def test_any_text_is_judged_without_an_error(text: str) -> None:
    assert not token_format.is_well_formed(text)
    assert not token_format.is_well_formed("srg_" + text)


@given(st.integers(0, 38))
def test_two_swapped_digits_are_refused(place: int) -> None:
    token = token_format.new_token()
    swapped = token[:place] + token[place + 1] + token[place] + token[place + 2 :]
    assert token_format.is_well_formed(swapped) == (swapped == token)


def test_lists_show_too_little_to_use() -> None:
    assert token_format.shown_prefix(TOKEN) == "srg_0123"


def test_what_is_kept_is_a_sha256() -> None:
    assert re.fullmatch("[0-9a-f]{64}", token_format.digest(TOKEN))
