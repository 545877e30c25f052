"""A reading process's side: it holds a lease, hears of fences and renews."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog

from app.coherence.bus import BusError, Called, FenceLifted, FencePutUp, Message, Unseated

if TYPE_CHECKING:
    from collections.abc import Collection

    from app.coherence.bus import Bus
    from app.coherence.charter import Charter, CharterKeeper
    from app.coherence.clock import Clock, Timings
    from app.coherence.fences import Fence
    from app.coherence.memory import Memory

log = structlog.get_logger(__name__)

_RECEIVE_SECONDS = 0.2
_MOST_UNHEARD_CALLS = 4


class Holder:
    """Keeps the memory's lease: :meth:`tick` twice a second, :meth:`receive` in between.

    The two are called by one thread each, and wait for nothing but the network.

    Attributes:
        process: names this process in the register.
        is_listening: set while messages can arrive.
    """

    def __init__(
        self, bus: Bus, charters: CharterKeeper, memory: Memory, clock: Clock, timings: Timings
    ) -> None:
        self._bus = bus
        self._charters = charters
        self._memory = memory
        self._clock = clock
        self._timings = timings
        self._lease: str | None = None
        self._seat: str | None = None
        self._unseated_edition = ""
        self._called = 0
        self._heard = -1
        self.process = uuid4().hex
        self.is_listening = Event()

    def tick(self) -> None:
        """Take or renew the lease, if all that it rests on is there.

        Where Redis or MongoDB does not answer, the lease is left as it is: it runs out by
        itself, and is renewed if it turns out never to have been revoked.

        Raises:
            BusError: Redis does not answer.
            Unavailable: MongoDB does not answer.
        """
        asked_at = self._clock.now()
        charter = self._charters.look().charter
        if not charter.is_open or charter.seat != self._seat:
            self._lose()
        try:
            self._proceed(charter, asked_at)
        except Unseated:
            self._lose()
            self._succeed(charter)

    def receive(self, message: Message) -> None:
        """Do what a message says.

        Raises:
            BusError: Redis does not answer.
        """
        match message:
            case FencePutUp(fence, inbox):
                self._memory.put_up(fence)
                self._bus.acknowledge(inbox, fence.id, self.process)
            case FenceLifted(fence_id):
                self._memory.lift(fence_id)
            case Called(number):
                self._heard = number

    def listen(self, stopping: Event) -> None:
        """Receive messages, until told to stop or none come any more.

        Raises:
            BusError: no more will come, or none has come for too long.
        """
        try:
            with self._bus.listen(self.process) as inbox:
                self._heard = self._called
                self.is_listening.set()
                while not stopping.is_set():
                    message = inbox.receive(_RECEIVE_SECONDS)
                    if message is not None:
                        self.receive(message)
                    elif self._called - self._heard > _MOST_UNHEARD_CALLS:
                        raise BusError("nothing is heard any more")
        finally:
            self.is_listening.clear()

    def wake(self) -> None:
        """Let :meth:`listen` look at once whether it is to stop.

        Raises:
            BusError: Redis does not answer; it will look in a moment.
        """
        if self._seat is not None:
            self._bus.call(self._seat, self.process, self._called)

    def release(self) -> None:
        """Give the lease up, and use nothing any more.

        Raises:
            BusError: Redis does not answer; the next change will wait for the lease's end.
        """
        seat, lease = self._seat, self._lease
        self._lose()
        if seat is not None and lease is not None:
            self._bus.release(seat, self.process, lease)

    def _proceed(self, charter: Charter, asked_at: float) -> None:
        if charter.seat is None:
            raise Unseated
        hears = self._hears()
        self._bus.call(charter.seat, self.process, self._called + 1)
        self._called += 1
        if not charter.is_open:
            self._charters.open_in_time(charter)
        elif hears and not self._renew(charter.seat, asked_at):
            self._take(charter.seat, asked_at)

    def _succeed(self, charter: Charter) -> None:
        """Name another seat; not at once if there is one, which may just be made."""
        if charter.edition == self._unseated_edition or charter.seat is None:
            self._charters.succeed(charter)
        self._unseated_edition = charter.edition

    def _hears(self) -> bool:
        """Whether what was last said through Redis came back, and so all that went before."""
        return self._heard == self._called

    def _renew(self, seat: str, asked_at: float) -> bool:
        if self._lease is None or not self._bus.renew(seat, self.process, self._lease):
            return False
        self._memory.prolong_era(self._valid_until(asked_at))
        return True

    def _take(self, seat: str, asked_at: float) -> None:
        self._lose()
        self._seat = seat
        lease = self._new_lease()
        fences = self._bus.take(seat, self.process, lease)
        self._lease = lease
        self._begin(fences, asked_at)

    def _new_lease(self) -> str:
        """Name a lease: anew each time, for a ``take`` that arrives late must not renew one."""
        return uuid4().hex

    def _begin(self, fences: Collection[Fence], asked_at: float) -> None:
        self._memory.begin_era(fences, self._valid_until(asked_at))
        log.info("coherence.lease_taken", process=self.process)

    def _valid_until(self, asked_at: float) -> float:
        return asked_at + self._timings.trusted(self._timings.lease)

    def _lose(self) -> None:
        if self._lease is not None:
            log.info("coherence.lease_lost", process=self.process)
        self._lease = None
        self._memory.end_era()
