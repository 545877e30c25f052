"""The parts of coherence, each with one of its rules left out.

``test_dangerous_moments.py`` shows of each that it is needed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

from app.coherence.bus import BusError, FencePutUp, Inbox, Message
from app.coherence.charter import CharterKeeper
from app.coherence.coherence import Coherence
from app.coherence.holder import Holder
from app.coherence.memory import Memory
from app.coherence.writer import Guard, Writer
from tests.unit.coherence.model import ModelBus
from tests.unit.coherence.simulation import TIMINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from app.coherence.charter import Charter
    from app.coherence.coherence import _Flight
    from app.coherence.fences import Fence
    from app.coherence.recording import Recording

T = TypeVar("T")


class LooksOnlyAtFencesThatAreUp(Memory):
    """Keeps what was read while a fence was up that has been lifted since."""

    def begin_recording(self) -> Recording:
        recording = super().begin_recording()
        recording.lifts = 10**9
        return recording


class KeepsEntriesUnderTheNextLease(Memory):
    """Does not forget when a lease ends."""

    def begin_era(self, fences: Iterable[Fence], valid_until: float) -> None:
        for fence in fences:
            self.put_up(fence)
        self.prolong_era(valid_until)

    def end_era(self) -> None:
        self._era += 1
        self.prolong_era(-math.inf)


class KeepsWhatWasReadUnderTheLastLease(Memory):
    """Asks for some lease, not for the one under which the load began."""

    def _is_unchanged(self, recording: Recording) -> bool:
        recording.era = self._era
        return super()._is_unchanged(recording)


class JudgesFromTheAnswer(Holder):
    """Counts the lease's time from when it learnt of it."""

    def _valid_until(self, asked_at: float) -> float:
        assert asked_at <= self._clock.now()
        return super()._valid_until(self._clock.now())


class TrustsItsClock(Holder):
    """Takes its own seconds for everyone's."""

    def _valid_until(self, asked_at: float) -> float:
        return asked_at + TIMINGS.lease


class IgnoresFencesWhenTaking(Holder):
    """Learns only of the fences that are put up under its lease."""

    def _begin(self, _fences: Collection[Fence], asked_at: float) -> None:
        super()._begin((), asked_at)


class AcknowledgesFirst(Holder):
    """Says that it has forgotten, and then forgets."""

    def receive(self, message: Message) -> None:
        if isinstance(message, FencePutUp):
            self._bus.acknowledge(message.inbox, message.fence.id, self.process)
        super().receive(message)


class RenewsUnasked(Holder):
    """Does not look whether its lease was revoked."""

    def _renew(self, seat: str, asked_at: float) -> bool:
        if self._lease is None:
            return False
        self._bus.renew(seat, self.process, self._lease)
        self._memory.prolong_era(self._valid_until(asked_at))
        return True


class ReusesLeases(Holder):
    """Has one name for all its leases."""

    def _new_lease(self) -> str:
        return "lease"


class ReadsTheCharterOnce(Holder):
    """Relies on Redis alone once it has begun."""

    _first: Charter | None = None

    def tick(self) -> None:
        asked_at = self._clock.now()
        if self._first is None:
            self._first = self._charters.look().charter
            self._seat = self._first.seat
        self._proceed(self._first, asked_at)


class DoesNotCareToHear(Holder):
    """Takes and renews though nothing comes through its subscription."""

    def _hears(self) -> bool:
        return True


class DoesNotAwaitAcknowledgements(Writer):
    """Publishes its fence and goes on."""

    def _await_acknowledgements(self, _inbox: Inbox, _fence: Fence, awaited: set[str]) -> None:
        awaited.clear()


class DoesNotWaitOutRevokedLeases(Writer):
    """Takes a lease for ended once it is revoked."""

    def _revoke(self, seat: str, fence: Fence, silent: set[str]) -> None:
        self._bus.revoke(seat, fence.id, silent)
        self._bus.strike(seat, fence.id, silent)


class StrikesAtOnce(Writer):
    """Waits itself, but makes the next writer believe that nobody is there."""

    def _revoke(self, seat: str, fence: Fence, silent: set[str]) -> None:
        self._bus.revoke(seat, fence.id, silent)
        self._bus.strike(seat, fence.id, silent)
        self._wait_until(self._clock.now() + TIMINGS.lease)


class GoesOnWithoutRedis(Writer):
    """Takes it for granted that nobody reads where Redis does not answer."""

    def _close(self) -> Guard:
        return Guard(self._clock, math.inf, lambda: True)


class DoesNotLookBack(Writer):
    """Answers without asking whether its guard had held until it committed."""

    def change(self, tags: frozenset[str], commit: Callable[[], T]) -> T:
        guard = self._guard(tags)
        result = commit()
        guard.lift()
        return result


class TakesEveryFailureForARefusal(Writer):
    """Lifts its fence when it does not know whether its commit is still on its way."""

    def change(self, tags: frozenset[str], commit: Callable[[], T]) -> T:
        guard = self._guard(tags)
        try:
            return commit()
        finally:
            guard.lift()


class DoesNotWaitForTheLastTerm(CharterKeeper):
    """Takes leases for ended as soon as the charter is closed."""

    def leases_end_at(self, _charter: Charter) -> float:
        return self._clock.now()


class OpensAtOnce(CharterKeeper):
    """Opens a new charter while changes are made that do not know of it."""

    def open_in_time(self, charter: Charter) -> None:
        self._edition_seen = (charter.edition, -math.inf)
        super().open_in_time(charter)


class JoinsAnyLoad(Coherence):
    """Shares a load that began before the request's own past."""

    def _may_join(self, flight: _Flight, outer: Recording | None) -> bool:
        return super()._may_join(flight, outer) or True


class JoinsWithoutTags(Coherence):
    """Shares a load, and does not learn what it depends on."""

    def _may_join(self, flight: _Flight, _outer: Recording | None) -> bool:
        return super()._may_join(flight, None)


class TrustsAnyRegister(ModelBus):
    """Scripts that do not look for the seat's name."""

    def _check(self, _seat: str) -> None:
        pass


class TrustsAnyServer(ModelBus):
    """Scripts that look for the seat's name, but not for the server's."""

    def _check(self, seat: str) -> None:
        if self._redis.seat != seat:
            raise BusError
