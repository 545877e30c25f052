"""What a value was made from."""

from __future__ import annotations

import math
import threading

from app.coherence.recording import Recording, current_recording


def a_recording() -> Recording:
    return Recording(era=1, lifts=0, usable_until=math.inf)


def test_an_outer_recording_has_all_of_an_inner_one_at_once() -> None:
    outermost, outer, inner = a_recording(), a_recording(), a_recording()
    outer.become_part_of(outermost)
    inner.include(["early"], 7.0)
    inner.become_part_of(outer)
    inner.include(["late"], 5.0)
    assert outermost.tags == outer.tags == inner.tags == {"early", "late"}
    assert outermost.usable_until == outer.usable_until == inner.usable_until == 5.0


def test_an_inner_recording_has_nothing_of_the_outer_one() -> None:
    outer, inner = a_recording(), a_recording()
    inner.become_part_of(outer)
    outer.include(["outer"], 3.0)
    assert inner.tags == set()
    assert inner.usable_until == math.inf


def test_one_inner_recording_may_be_part_of_several() -> None:
    inner, outer, other = a_recording(), a_recording(), a_recording()
    inner.become_part_of(outer)
    inner.become_part_of(other)
    inner.include(["a"], math.inf)
    assert outer.tags == other.tags == {"a"}


def test_the_innermost_is_the_current_one_and_ends_with_its_block() -> None:
    outer, inner = a_recording(), a_recording()
    assert current_recording() is None
    with outer.running():
        with inner.running():
            assert current_recording() is inner
        assert current_recording() is outer
    assert current_recording() is None


def test_another_thread_has_recordings_of_its_own() -> None:
    found: list[Recording | None] = []
    with a_recording().running():
        thread = threading.Thread(target=lambda: found.append(current_recording()))
        thread.start()
        thread.join()
    assert found == [None]
