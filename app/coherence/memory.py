"""What one process remembers, and when it may use it."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from threading import Lock
from typing import TYPE_CHECKING

from app.coherence.entries import Entries, Entry
from app.coherence.fences import Fence, KnownFences
from app.coherence.recording import Recording

if TYPE_CHECKING:
    from app.coherence.clock import Clock, Timings


class Memory:
    """Entries that are used under a lease only, and never while their tags are fenced.

    This is where the two sides meet: readers fill and use it, the holder of the lease puts
    up fences in it. Every method but :meth:`find` is one atomic step.

    Attributes:
        drops: how many entries fences have removed.
    """

    def __init__(self, limit_bytes: int, clock: Clock, timings: Timings) -> None:
        self._now = clock.now
        self._entry_seconds = timings.entry
        self._lock = Lock()
        self._entries = Entries(limit_bytes)
        self._get = self._entries.get
        self._fences = KnownFences(clock.now, timings.fence)
        self._era = 0
        self._valid_until = -math.inf
        self.drops = 0

    @property
    def size_bytes(self) -> int:
        """What the entries take."""
        return self._entries.size_bytes

    @property
    def is_valid(self) -> bool:
        """Whether there is a lease now."""
        return self._now() < self._valid_until

    def find(self, key: Hashable) -> Entry | None:
        """Return the entry that may be used now; the hot path, without a lock.

        The clock is read first: an entry that is found after the process was paused in
        between was right at a moment when the caller had already asked for it.
        """
        now = self._now()
        entry = self._get(key)
        if entry is None or now >= self._valid_until or now >= entry.usable_until:
            return None
        entry.is_wanted = True
        return entry

    def begin_recording(self) -> Recording:
        """Return a recording of what is read from now on."""
        with self._lock:
            lifts = self._fences.count_lifts()
            return Recording(self._era, lifts, self._now() + self._entry_seconds)

    def is_unchanged(self, recording: Recording) -> bool:
        """Whether what was read since ``recording`` began is still so.

        It is if the process held one uninterrupted lease since then, and if none of the
        tags was fenced at any moment since then: not now, and not in between.
        """
        with self._lock:
            return self._is_unchanged(recording)

    def keep(self, key: Hashable, value: object, recording: Recording, size_bytes: int) -> bool:
        """Remember a value if all it was made from is unchanged; return whether.

        A value that depends on nothing is not kept, because nothing could take it back.
        """
        with self._lock:
            if not recording.tags or not self._is_unchanged(recording):
                return False
            return self._entries.put(
                Entry(key, value, frozenset(recording.tags), recording.usable_until, size_bytes)
            )

    def put_up(self, fence: Fence) -> None:
        """Forget what depends on the fence's tags, and keep nothing that does until it ends."""
        with self._lock:
            self._fences.put_up(fence)
            self.drops += self._entries.drop(fence.tags)

    def lift(self, fence_id: str) -> None:
        """End a fence."""
        with self._lock:
            self._fences.lift(fence_id)

    def begin_era(self, fences: Iterable[Fence], valid_until: float) -> None:
        """Start under a new lease, empty, with the fences that were up when it was taken.

        Fences that are already known stay: their message may have come before the lease's.
        """
        with self._lock:
            self._era += 1
            self._entries.clear()
            for fence in fences:
                self._fences.put_up(fence)
            self._valid_until = valid_until

    def prolong_era(self, valid_until: float) -> None:
        """Go on under the same lease."""
        with self._lock:
            self._valid_until = valid_until

    def end_era(self) -> None:
        """Forget everything: there is no lease, or none that can be relied on."""
        with self._lock:
            self._era += 1
            self._valid_until = -math.inf
            self._entries.clear()

    def _is_unchanged(self, recording: Recording) -> bool:
        now = self._now()
        return (
            recording.era == self._era
            and now < self._valid_until
            and now < recording.usable_until
            and self._fences.have_spared(tuple(recording.tags), recording.lifts)
        )
