from __future__ import annotations

from app.standalone.backoff import Backoff


def test_a_part_that_keeps_dying_is_started_ever_less_often() -> None:
    backoff = Backoff()
    assert [backoff.delay_after(0.5) for _ in range(9)] == [0, 1, 3, 7, 15, 31, 60, 60, 60]


def test_a_part_that_ran_steadily_is_started_at_once() -> None:
    backoff = Backoff()
    for _ in range(9):
        backoff.delay_after(0.5)
    assert backoff.delay_after(61) == 0
    assert backoff.delay_after(0.5) == 1
