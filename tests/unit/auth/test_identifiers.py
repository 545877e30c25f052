from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.auth.identifiers import LONGEST_EMAIL, fold, is_email, is_username


@pytest.mark.parametrize("text", ["al", "a1", "0x", "alice", "a.b_c-d", "a" * 39])
def test_usernames(text: str) -> None:
    assert is_username(text)


@pytest.mark.parametrize(
    "text", ["", "a", "a" * 40, "Alice", "-a", ".a", "_a", "a b", "a@b", "ä1", "al\n", "a/b"]
)
def test_what_is_no_username(text: str) -> None:
    assert not is_username(text)


@pytest.mark.parametrize(
    "text",
    [
        "alice@acme.test",
        "alice@printer.local",
        "alice@corp",
        "admin@localhost",
        "a.b+c@sub.example.org",
        "o'hara@example.org",
        "jürgen@müller.example",
        "a@1.2",
        "a" * 64 + "@b.c",
    ],
)
def test_addresses_that_are_well_formed(text: str) -> None:
    assert is_email(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        "@corp",
        "alice@",
        "a@b@c",
        "a b@corp",
        ".a@corp",
        "a.@corp",
        "a..b@corp",
        "a@.corp",
        "a@corp.",
        "a@-corp",
        "a@corp-",
        "a@co_rp",
        "a@corp\n",
        "a\x00@corp",
        "a\ud800@corp",
        '"a"@corp',
        "a" * 65 + "@corp",
        "a@" + ("b" * 60 + ".") * 5 + "c",
        "a@" + "b" * 64,
    ],
)
def test_addresses_that_are_not(text: str) -> None:
    assert not is_email(text)


@given(st.text())
@example("\u0958" * LONGEST_EMAIL)  # folded, it is longer than what is folded
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_no_text_is_so_long_that_folding_it_keeps_others_waiting() -> None:
    text = "a" + "\u0301\u0323" * 100_000
    started = time.process_time()
    assert fold(text) == text
    assert time.process_time() - started < 1


@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    assert not (is_username(text) and is_email(text))
