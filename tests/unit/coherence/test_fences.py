"""Which tags were fenced since when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.coherence import fences
from app.coherence.fences import Fence, KnownFences

SECONDS = 10.0


class Hand:
    """A clock's hand, set by the test."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at


def a_fence(name: str, *tags: str) -> Fence:
    return Fence(name, frozenset(tags))


def test_a_tag_is_fenced_until_every_fence_around_it_is_lifted() -> None:
    known = KnownFences(Hand().now, SECONDS)
    known.put_up(a_fence("f1", "a"))
    known.put_up(a_fence("f2", "a", "b"))
    known.lift("f1")
    since = known.count_lifts()
    assert not known.have_spared({"a"}, since)
    known.lift("f2")
    assert known.have_spared({"a", "b"}, known.count_lifts())


def test_it_is_remembered_that_a_tag_was_fenced_in_between() -> None:
    known = KnownFences(Hand().now, SECONDS)
    since = known.count_lifts()
    known.put_up(a_fence("f1", "a"))
    known.lift("f1")
    assert not known.have_spared({"a"}, since)
    assert known.have_spared({"b"}, since)


def test_a_fence_whose_writer_died_runs_out() -> None:
    hand = Hand()
    known = KnownFences(hand.now, SECONDS)
    since = known.count_lifts()
    known.put_up(a_fence("f1", "a"))
    hand.at = SECONDS - 0.01
    assert not known.have_spared({"a"}, known.count_lifts())
    hand.at = SECONDS
    assert known.have_spared({"a"}, known.count_lifts())
    assert not known.have_spared({"a"}, since)


def test_lifting_what_is_not_known_changes_nothing() -> None:
    known = KnownFences(Hand().now, SECONDS)
    known.lift("f1")
    assert known.have_spared({"a"}, 0)


def test_after_very_many_fences_older_readers_are_refused_rather_than_believed() -> None:
    known = KnownFences(Hand().now, SECONDS)
    since = known.count_lifts()
    for number in range(fences._MOST_REMEMBERED + 1):  # noqa: SLF001  the bound itself
        known.put_up(a_fence("f", f"tag {number}"))
        known.lift("f")
    assert not known.have_spared({"never fenced"}, since)
    assert known.have_spared({"never fenced"}, known.count_lifts())


@given(st.lists(st.tuples(st.sampled_from("fgh"), st.booleans(), st.sampled_from("ab"))))
def test_it_agrees_with_a_history_of_everything(steps: list[tuple[str, bool, str]]) -> None:
    known = KnownFences(Hand().now, SECONDS)
    up: dict[str, str] = {}
    readers: list[tuple[int, set[str]]] = []
    for name, is_put_up, tag in steps:
        readers.append((known.count_lifts(), set(up.values())))
        if is_put_up and name not in up:
            up[name] = tag
            known.put_up(a_fence(name, tag))
        elif not is_put_up:
            up.pop(name, None)
            known.lift(name)
        for _since, fenced in readers:
            fenced.update(up.values())
        for since, fenced in readers:
            assert [known.have_spared({one}, since) for one in "ab"] == [
                one not in fenced for one in "ab"
            ]
