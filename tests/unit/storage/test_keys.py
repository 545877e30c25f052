from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.storage.keys import LONGEST_KEY_BYTES, LONGEST_SEGMENT_BYTES, check_key, object_key

names = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="/\\"))


def is_accepted(key: str) -> bool:
    try:
        check_key(key)
    except ValueError:
        return False
    return True


@given(st.text())
@example("\ud800")
@example("a/\ud800")
def test_a_key_is_returned_as_it_is_or_refused(key: str) -> None:
    if is_accepted(key):
        assert check_key(key) == key


@given(st.lists(names, min_size=1, max_size=6))
@example([".."])
@example(["a", "", "b"])
def test_an_accepted_key_stays_below_the_directory_it_is_joined_to(parts: list[str]) -> None:
    key = "/".join(parts)
    if is_accepted(key):
        assert all(part not in {"", ".", ".."} for part in key.split("/"))


@pytest.mark.parametrize("segment", ["n" * 255, "ü" * 127 + "n"])
def test_a_segment_is_limited_in_bytes(segment: str) -> None:
    assert is_accepted(segment)
    assert not is_accepted(segment + "n")


def test_a_key_is_limited_in_bytes() -> None:
    longest = "/".join(["n" * 223] * 4) + "n"
    assert len(longest) == LONGEST_KEY_BYTES
    assert is_accepted(longest)
    assert not is_accepted(longest + "n")


def test_short_names_make_a_readable_key() -> None:
    assert object_key("npm", "acme", "@scope/name", "1.0.0", "name-1.0.0.tgz") == (
        "npm/acme/@scope/name/1.0.0/name-1.0.0.tgz"
    )


@given(st.lists(names.filter(lambda name: name not in {"", ".", ".."}), min_size=1, max_size=8))
@example(["n" * 256])
@example(["ü" * 200, "x"])
@example(["n" * 254 + "ü"])
@example(["npm", "acme", *["n" * 250] * 5, "n-1.0.0.tgz"])
def test_names_of_any_length_make_a_key_that_every_store_takes(parts: list[str]) -> None:
    key = object_key(*parts)
    assert check_key(key) == key == object_key(*parts)
    assert len(key.encode()) <= LONGEST_KEY_BYTES
    assert all(len(segment.encode()) <= LONGEST_SEGMENT_BYTES for segment in key.split("/"))


def test_long_names_that_differ_at_their_end_make_different_keys() -> None:
    assert object_key("n" * 300 + "1") != object_key("n" * 300 + "2")
    long = ["npm", "acme", *["n" * 250] * 4]
    assert object_key(*long, "1", "f.tgz") != object_key(*long, "2", "f.tgz")


def test_what_is_unsafe_is_refused_whatever_its_length() -> None:
    for parts in (("a", ".."), ("a", ""), ("a\\" + "n" * 300,), ("",)):
        with pytest.raises(ValueError, match="key"):
            object_key(*parts)
