from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.auth.budgets import Budget, LocalBudget
from app.errors import TooManyRequests

MINUTE = timedelta(minutes=1)


class Clock:
    """A clock that stands still until it is moved; far from 0, as a machine's own is."""

    def __init__(self) -> None:
        self.seconds = 3_000_000.1

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def six_a_minute(clock: Clock) -> LocalBudget:
    return LocalBudget(Budget(what="metadata", most=6, window=MINUTE), clock=clock)


def test_a_whole_budget_may_be_spent_at_once(clock: Clock) -> None:
    budget = six_a_minute(clock)
    standings = [budget.spend("alice") for _ in range(7)]
    assert [one.left for one in standings] == [5, 4, 3, 2, 1, 0, 0]
    assert [one.resets_in_seconds for one in standings] == [10, 20, 30, 40, 50, 60, 60]
    assert [one.wait_seconds for one in standings] == [0, 0, 0, 0, 0, 0, 10]


def test_what_was_spent_comes_back_evenly(clock: Clock) -> None:
    budget = six_a_minute(clock)
    for _ in range(6):
        budget.spend("alice")
    clock.seconds += 9
    assert budget.spend("alice").wait_seconds == 1
    clock.seconds += 1
    assert budget.spend("alice").wait_seconds == 0
    assert budget.spend("alice").wait_seconds == 10
    clock.seconds += 60
    assert budget.spend("alice").left == 5


def test_what_is_refused_is_not_counted(clock: Clock) -> None:
    budget = six_a_minute(clock)
    for _ in range(1000):
        budget.spend("alice")
    clock.seconds += 10
    assert budget.spend("alice").wait_seconds == 0


def test_callers_are_counted_apart(clock: Clock) -> None:
    budget = six_a_minute(clock)
    for _ in range(7):
        budget.spend("alice")
    assert budget.spend("bob").left == 5


def test_a_standing_says_what_is_left_and_refuses_in_words(clock: Clock) -> None:
    budget = six_a_minute(clock)
    first = budget.spend("alice")
    first.require()
    assert first.headers == (
        ("RateLimit-Policy", '"metadata";q=6;w=60'),
        ("RateLimit", '"metadata";r=5;t=10'),
    )
    for _ in range(5):
        budget.spend("alice")
    with pytest.raises(TooManyRequests) as refused:
        budget.spend("alice").require()
    assert refused.value.retry_after_seconds == 10
    assert refused.value.message == "Too many requests for metadata. Try again in 10 seconds."


def test_it_remembers_no_more_callers_than_it_has_room_for(clock: Clock) -> None:
    metadata = Budget(what="metadata", most=6, window=MINUTE)
    budget = LocalBudget(metadata, clock=clock, most_callers=10)
    for number in range(9):
        budget.spend(f"early {number}")
    clock.seconds += 9
    for _ in range(3):
        budget.spend("late")
    clock.seconds += 1
    budget.spend("another")  # makes it forget those who have all of theirs back
    assert budget.spend("late").left == 2
    for number in range(9):
        budget.spend(f"too many {number}")
    assert budget.spend("late").left == 5


@given(
    most=st.integers(1, 1_000_000),
    waits=st.lists(st.floats(0, 100), min_size=1, max_size=50),
    start=st.floats(0, 1e8),
)
def test_who_waits_as_long_as_they_are_told_is_let_in(
    most: int, waits: list[float], start: float
) -> None:
    clock = Clock()
    clock.seconds = start
    budget = LocalBudget(Budget(what="downloads", most=most, window=MINUTE), clock=clock)
    for seconds in waits:
        clock.seconds += seconds
        standing = budget.spend("alice")
        assert 0 <= standing.left < most
        assert 0 <= standing.resets_in_seconds <= 61
        if standing.wait_seconds:
            clock.seconds += standing.wait_seconds
            assert budget.spend("alice").wait_seconds == 0
