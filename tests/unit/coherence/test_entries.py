"""The bounded store."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.coherence.entries import Entries, Entry

LIMIT_BYTES = 10_000
EMPTY_BYTES = Entry("k", b"", frozenset(), 0.0, 0).size_bytes


def entry(key: str, *tags: str, size_bytes: int = 100) -> Entry:
    return Entry(key, key.upper(), frozenset(tags), 0.0, size_bytes)


def test_what_was_put_is_found() -> None:
    entries = Entries(LIMIT_BYTES)
    one = entry("a")
    assert entries.put(one)
    assert entries.get("a") is one
    assert entries.get("b") is None


def test_a_second_value_takes_the_place_of_the_first() -> None:
    entries = Entries(LIMIT_BYTES)
    entries.put(entry("a", "old"))
    other = entry("a", "new")
    entries.put(other)
    assert entries.drop(["old"]) == 0
    assert entries.get("a") is other
    assert entries.size_bytes == other.size_bytes


def test_dropping_a_tag_removes_all_that_depends_on_it() -> None:
    entries = Entries(LIMIT_BYTES)
    for one in (entry("a", "x"), entry("b", "x", "y"), entry("c", "y"), entry("d", "z")):
        entries.put(one)
    assert entries.drop(["x", "y", "unknown"]) == 3
    assert [entries.get(key) is None for key in "abcd"] == [True, True, True, False]


def test_what_is_larger_than_the_limit_is_not_kept_nor_what_it_replaces() -> None:
    entries = Entries(LIMIT_BYTES)
    entries.put(entry("a"))
    assert not entries.put(entry("a", size_bytes=LIMIT_BYTES))
    assert entries.get("a") is None
    assert entries.size_bytes == 0


def test_what_is_used_stays_and_what_is_not_makes_room() -> None:
    entries = Entries(4 * (EMPTY_BYTES + 100))
    kept = entry("kept")
    entries.put(kept)
    for number in range(50):
        kept.is_wanted = True
        entries.put(entry(f"passing {number}"))
    assert entries.get("kept") is kept
    assert entries.get("passing 0") is None
    assert entries.get("passing 49") is not None


def test_an_entry_counts_for_more_than_its_value() -> None:
    assert EMPTY_BYTES > 0


@given(
    st.lists(
        st.one_of(
            st.tuples(st.text("abcdef", max_size=2), st.sets(st.sampled_from("xyz"))),
            st.sets(st.sampled_from("xyz")),
        ),
        max_size=60,
    )
)
def test_it_never_holds_more_than_its_limit_nor_anything_twice(
    steps: list[tuple[str, set[str]] | set[str]],
) -> None:
    entries = Entries(5 * (EMPTY_BYTES + 100))
    put: dict[str, Entry] = {}
    for step in steps:
        if isinstance(step, set):
            entries.drop(step)
            put = {key: one for key, one in put.items() if one.tags.isdisjoint(step)}
        else:
            put[step[0]] = entry(step[0], *step[1])
            entries.put(put[step[0]])
        found = [one for one in put.values() if entries.get(one.key) is not None]
        assert all(entries.get(one.key) is one for one in found)
        assert entries.size_bytes == sum(one.size_bytes for one in found)
        assert entries.size_bytes <= 5 * (EMPTY_BYTES + 100)
    entries.clear()
    assert entries.size_bytes == 0
