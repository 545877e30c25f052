from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.auth import password_rules
from app.errors import UnprocessableInput

NAMES = ("alice", "alice.liddell@wonder.test", "Alice Liddell")


@pytest.mark.parametrize(
    "password",
    [
        "elevenchars",
        "password1234",
        "Password123!",
        "P@ssw0rd2024",
        "Welcome12345",
        "Summer2024!!!",
        "qwertyuiop12",
        "1qaz2wsx3edc",
        "q1w2e3r4t5y6",
        "zaq12wsxcde3",
        "abcdefghijklm",
        "zyxwvutsrqpon",
        "123456789012",
        "201402171234",
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "112233445566aa",
        "finalfantasy",
        "FinalFantasy",
        "alicealice12",
        "alice-password",
        "liddell-2024-liddell",
        "admin1234567",
        "packhouse2024",
    ],
)
def test_what_is_guessed_first_is_refused(password: str) -> None:
    assert password_rules.why_refused(password, NAMES) is not None


@pytest.mark.parametrize(
    "password",
    [
        "kettle-orbit-mango",
        "kettle orbit mango",
        "J8#vkq!2mZpl",
        "Tr0ub4dor&3xyz",
        "größenwahn im süden",
        "вечерний-трамвай",
        "alice likes purple kettles",
        "password manager wrote this",
    ],
)
def test_what_is_hard_to_guess_is_taken(password: str) -> None:
    assert password_rules.why_refused(password, NAMES) is None


@given(st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789"), min_size=16, max_size=30))
def test_random_ones_are_hardly_ever_refused(password: str) -> None:
    if len(set(password)) >= 12:
        assert password_rules.why_refused(password, ()) is None


@given(st.text(max_size=40), st.lists(st.text(max_size=20), max_size=3))
def test_any_text_and_names_are_judged(password: str, names: list[str]) -> None:
    reason = password_rules.why_refused(password, names)
    assert reason is None or reason.endswith(".")


def test_the_longest_is_bounded() -> None:
    assert password_rules.why_refused("kettle-orbit-mango" * 60, ()) is not None


def test_the_refusal_points_at_the_field() -> None:
    with pytest.raises(UnprocessableInput) as refused:
        password_rules.require_acceptable("short", (), field="/new_password")
    assert list(refused.value.fields) == ["/new_password"]
