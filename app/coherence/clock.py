"""Time, as leases and fences are judged by it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from threading import Event


class Clock:
    """The time since this machine started, which runs on while it sleeps.

    A process may be paused and a laptop closed for as long as they like: what ran out
    meanwhile has run out. No date is involved, so setting the clock changes nothing.
    Only *rates* are compared between machines (:attr:`Timings.drift`), never readings.
    """

    now = staticmethod(
        partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
    )

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        time.sleep(seconds)

    def wait(self, event: Event, seconds: float | None = None) -> bool:
        """Wait until ``event`` is set, at most ``seconds``; return whether it is."""
        return event.wait(seconds)

    def at(self, moment: datetime) -> float:
        """Return when ``moment`` will be on this clock; never later than it really is."""
        now = self.now()
        return now + (moment - datetime.now(UTC)).total_seconds()


@dataclass(frozen=True, kw_only=True)
class Timings:
    """How long everything lasts, in seconds.

    Attributes:
        lease: nobody uses what it remembers for longer after it last asked whether it may.
        renew: how often a reading process asks.
        patience: how long a writer waits for acknowledgements before it revokes leases.
        fence: how long a fence holds, so that a writer that died blocks nobody for longer.
        entry: the greatest age of anything remembered, whatever else is known of it.
        drift: how far apart the rates of two clocks may be. Whoever *uses* a lease or a
            fence counts on this much less than whoever *waits* for it to end.
    """

    lease: float = 2.0
    renew: float = 0.5
    patience: float = 0.5
    fence: float = 10.0
    entry: float = 60.0
    drift: float = 0.05

    def trusted(self, seconds: float) -> float:
        """Return how long one may count on what another waits ``seconds`` for."""
        return seconds * (1 - self.drift)
