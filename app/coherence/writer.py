"""A change: fence, wait for everyone, commit, lift, answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

import structlog
from mongoengine.errors import NotUniqueError
from pymongo.errors import DuplicateKeyError

from app.coherence.bus import Acknowledged, BusError
from app.coherence.fences import Fence
from app.errors import RegistryError, Unavailable

if TYPE_CHECKING:
    from app.coherence.bus import Bus, Inbox
    from app.coherence.charter import CharterKeeper, Sighting
    from app.coherence.clock import Clock, Timings

T = TypeVar("T")

log = structlog.get_logger(__name__)

_REFUSALS = (RegistryError, NotUniqueError, DuplicateKeyError)
"""What says for certain that nothing of a commit can take effect later; but Unavailable."""


@dataclass(frozen=True)
class Guard:
    """What keeps readers from remembering what is being changed.

    Attributes:
        holds_until: by the writer's clock; whoever lets readers remember waits for longer.
        take_down: lets them remember now; returns whether the guard was still there.
    """

    clock: Clock
    holds_until: float
    take_down: Callable[[], bool]

    def holds(self) -> bool:
        """Whether it is certain that nobody can remember yet."""
        return self.clock.now() < self.holds_until

    def lift(self) -> bool:
        """Let readers remember; return whether it is certain that none could until now."""
        held = self.holds()
        return self.take_down() and held


class Writer:
    """Makes changes so that no process remembers what was before, once they are answered.

    Attributes:
        fences: how many guards were put up.
        waits: how often a change had to wait until leases had run out.
    """

    def __init__(self, bus: Bus, charters: CharterKeeper, clock: Clock, timings: Timings) -> None:
        self._bus = bus
        self._charters = charters
        self._clock = clock
        self._timings = timings
        self.fences = 0
        self.waits = 0

    def change(self, tags: frozenset[str], commit: Callable[[], T]) -> T:
        """Run ``commit`` under a guard, and again guard what it did if the guard gave way.

        Where ``commit`` fails and it is not certain that nothing of it is on its way, the
        guard is left to run out by itself.

        Raises:
            Unavailable: readers cannot be kept away, or not any more; the change may have
                been made.
        """
        guard = self._guard(tags)
        while not guard.holds():
            guard.lift()
            guard = self._guard(tags)
        try:
            result = commit()
        except _REFUSALS as error:
            if not isinstance(error, Unavailable):
                guard.lift()
            raise
        while not guard.lift():
            guard = self._guard(tags)
        return result

    def _guard(self, tags: frozenset[str]) -> Guard:
        """Keep readers away by a fence, or else by closing the charter.

        Two attempts: what was known of the charter may be out of date, and one broken
        connection is no reason to end every lease there is.
        """
        self.fences += 1
        for look in (self._charters.recent, self._charters.look):
            sighting = look()
            if sighting.charter.seat is None:
                continue
            try:
                return self._fence(sighting, sighting.charter.seat, tags)
            except BusError as error:
                log.warning("coherence.fence_failed", error=repr(error))
        return self._close()

    def _fence(self, sighting: Sighting, seat: str, tags: frozenset[str]) -> Guard:
        fence = Fence(uuid4().hex, tags)
        asked_at = min(self._clock.now(), sighting.asked_at)
        with self._bus.open_inbox() as inbox:
            awaited = self._bus.put_up(seat, fence, inbox.name)
            self._await_acknowledgements(inbox, fence, awaited)
        if awaited:
            self._revoke(seat, fence, awaited)
        if not sighting.charter.is_open:
            self._wait_until(self._charters.leases_end_at(sighting.charter))
        return Guard(self._clock, self._holds_until(asked_at), partial(self._lift, seat, fence.id))

    def _lift(self, seat: str, fence_id: str) -> bool:
        try:
            return self._bus.lift(seat, fence_id)
        except BusError as error:
            log.warning("coherence.lift_failed", error=repr(error))
            return False

    def _await_acknowledgements(self, inbox: Inbox, fence: Fence, awaited: set[str]) -> None:
        """Remove from ``awaited`` who acknowledges in time."""
        patience_ends = self._clock.now() + self._timings.patience
        while awaited and (left := patience_ends - self._clock.now()) > 0:
            match inbox.receive(left):
                case Acknowledged(fence_id, process) if fence_id == fence.id:
                    awaited.discard(process)

    def _revoke(self, seat: str, fence: Fence, silent: set[str]) -> None:
        """End the leases of those that do not answer, and wait until they know.

        They stay in the register meanwhile: another writer must not take them for gone.
        """
        log.warning("coherence.leases_revoked", processes=sorted(silent))
        self._bus.revoke(seat, fence.id, silent)
        self._wait_until(self._clock.now() + self._timings.lease)
        self._bus.strike(seat, fence.id, silent)

    def _close(self) -> Guard:
        """Guard everything, by ending all leases: MongoDB is asked at each renewal."""
        asked_at = self._clock.now()
        charter = self._charters.close()
        self._wait_until(self._charters.leases_end_at(charter))
        return Guard(self._clock, self._holds_until(asked_at), lambda: True)

    def _holds_until(self, asked_at: float) -> float:
        return asked_at + self._timings.trusted(self._timings.fence)

    def _wait_until(self, moment: float) -> None:
        if moment > self._clock.now():
            self.waits += 1
        while (left := moment - self._clock.now()) > 0:
            self._clock.sleep(left)
