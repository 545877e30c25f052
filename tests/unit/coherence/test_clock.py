"""Time, as leases are judged by it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from app.coherence.clock import Clock, Timings


def test_it_never_goes_back() -> None:
    readings = [Clock.now() for _ in range(100)]
    assert readings == sorted(readings)


def test_a_date_becomes_a_reading_that_is_not_too_late() -> None:
    clock = Clock()
    before = clock.now()
    at = clock.at(datetime.now(UTC) + timedelta(seconds=60))
    assert before + 59 < at <= clock.now() + 60


def test_waiting_ends_with_the_event_or_with_the_time() -> None:
    event = threading.Event()
    assert not Clock().wait(event, 0.001)
    event.set()
    assert Clock().wait(event)


def test_who_uses_a_lease_counts_on_less_than_who_waits_for_its_end() -> None:
    timings = Timings(lease=2.0, drift=0.05)
    assert timings.trusted(timings.lease) == pytest.approx(1.9)
