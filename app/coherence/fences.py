"""Fences: tags that are being changed, as one process knows them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

_MOST_REMEMBERED = 20_000


@dataclass(frozen=True)
class Fence:
    """A writer is changing what ``tags`` name; nothing that depends on them is kept."""

    id: str
    tags: frozenset[str]


class KnownFences:
    """The fences this process knows of, and which tags were fenced since when.

    A fence ends by being lifted or, where its writer died, by running out. Both count as
    a *lift*; whoever begins to read notes the number of lifts so far, and learns at the
    end whether a tag was fenced at any moment in between. Not safe for threads.
    """

    def __init__(self, now: Callable[[], float], fence_seconds: float) -> None:
        self._now = now
        self._seconds = fence_seconds
        self._up: dict[str, tuple[Fence, float]] = {}
        self._lifted: dict[str, int] = {}
        self._lifts = 0
        self._forgotten_lifts = 0

    def put_up(self, fence: Fence) -> None:
        """Fence its tags, for as long as a fence lasts from now on."""
        self._up[fence.id] = (fence, self._now() + self._seconds)

    def lift(self, fence_id: str) -> None:
        """End a fence; one that is not known here is no matter."""
        fence, _ends = self._up.pop(fence_id, (None, math.inf))
        if fence is None:
            return
        self._lifts += 1
        self._lifted.update(dict.fromkeys(fence.tags, self._lifts))
        if len(self._lifted) > _MOST_REMEMBERED:
            self._lifted.clear()
            self._forgotten_lifts = self._lifts

    def count_lifts(self) -> int:
        """Return how many fences have ended: what :meth:`have_spared` counts from."""
        now = self._now()
        for fence_id in [one for one, (_fence, ends) in self._up.items() if now >= ends]:
            self.lift(fence_id)
        return self._lifts

    def have_spared(self, tags: Collection[str], since_lifts: int) -> bool:
        """Whether none of ``tags`` is fenced now, nor was since there were so many lifts."""
        self.count_lifts()
        return (
            since_lifts >= self._forgotten_lifts
            and all(fence.tags.isdisjoint(tags) for fence, _ends in self._up.values())
            and all(self._lifted.get(tag, 0) <= since_lifts for tag in tags)
        )
