"""What a value was made from, collected while it is made."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Self

_current: ContextVar[Recording | None] = ContextVar("coherence_recording", default=None)


class Recording:
    """The tags a value depends on, and until when it may be used.

    Recordings nest: what an inner value depends on, the outer one depends on too, at once
    and not only when the inner one is finished. Several outer ones may share one inner one.

    Attributes:
        era: the era of the memory (one uninterrupted lease) in which it began.
        lifts: how many fences this process had seen lifted when it began.
        tags: what the value depends on.
        usable_until: on the process's :class:`~app.coherence.clock.Clock`.
    """

    __slots__ = ("_outer", "era", "lifts", "tags", "usable_until")

    def __init__(self, era: int, lifts: int, usable_until: float) -> None:
        self.era = era
        self.lifts = lifts
        self.tags: set[str] = set()
        self.usable_until = usable_until
        self._outer: tuple[Self, ...] = ()

    def include(self, tags: Collection[str], usable_until: float) -> None:
        """Note that the value depends on ``tags`` and is not to be used after a moment."""
        # First here, then outwards: become_part_of goes the other way, so that between
        # the two of them no tag is lost, whichever thread runs when.
        self.tags.update(tags)
        self.usable_until = min(self.usable_until, usable_until)
        for outer in self._outer:
            outer.include(tags, usable_until)

    def become_part_of(self, outer: Self) -> None:
        """Give ``outer`` all that is noted here, now and from now on."""
        self._outer += (outer,)
        outer.include(self.tags, self.usable_until)

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Collect into this recording what the block depends on."""
        token = _current.set(self)
        try:
            yield self
        finally:
            _current.reset(token)


def current_recording() -> Recording | None:
    """Return the innermost recording of this context (thread, greenlet), if there is one."""
    return _current.get()
