"""The door to all of this: values that are remembered, and changes that end them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Hashable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, TypeVar, cast

import structlog

from app.coherence.bus import BusError
from app.coherence.recording import Recording, current_recording
from app.errors import Unavailable

if TYPE_CHECKING:
    from app.coherence.clock import Clock, Timings
    from app.coherence.entries import Entry
    from app.coherence.holder import Holder
    from app.coherence.memory import Memory
    from app.coherence.writer import Writer

T = TypeVar("T")

log = structlog.get_logger(__name__)

_ASSUMED_BYTES = 1024
_STOP_SECONDS = 5.0
_LISTEN_AGAIN_SECONDS = 0.1
_LASTING_SECONDS = 10.0

_is_committing: ContextVar[bool] = ContextVar("coherence_is_committing", default=False)


class _Flight:
    """A load under way, which others may wait for."""

    __slots__ = ("done", "has_landed", "recording", "value")

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.done = Event()
        self.has_landed = False
        self.value: object = None


class Coherence:
    """Memory of this process that never shows what was before an acknowledged change.

    Processes that serve reads call :meth:`start` after the fork and :meth:`stop` at the
    end. In all others nothing is remembered, every value is loaded, and changes work.

    Attributes:
        hits: values given from memory.
        misses: values that had to be made.
    """

    def __init__(
        self, memory: Memory, holder: Holder, writer: Writer, clock: Clock, timings: Timings
    ) -> None:
        self._memory = memory
        self._holder = holder
        self._writer = writer
        self._clock = clock
        self._timings = timings
        self._flights: dict[Hashable, _Flight] = {}
        self._flights_lock = Lock()
        self._stopping = Event()
        self._threads: list[Thread] = []
        self.hits = 0
        self.misses = 0

    @property
    def holds_lease(self) -> bool:
        """Whether memory may be used now."""
        return self._memory.is_valid

    @property
    def size_bytes(self) -> int:
        """What is remembered, in bytes."""
        return self._memory.size_bytes

    @property
    def drops(self) -> int:
        """How many values were forgotten because of a change."""
        return self._memory.drops

    @property
    def fences(self) -> int:
        """How often this process kept readers away for a change."""
        return self._writer.fences

    @property
    def waits(self) -> int:
        """How often a change here waited for leases to run out; each takes seconds."""
        return self._writer.waits

    def change(self, tags: Collection[str], commit: Callable[[], T]) -> T:
        """Make a change that no process can miss once this returns.

        Inside ``commit`` nothing new is remembered: it may read in a transaction, and so
        what others do not see yet or what they see no more.

        Args:
            tags: what the change touches; whoever read it has named one of them.
            commit: writes to the database, and all of it is written when it returns. It
                runs once, and makes no change of its own.

        Raises:
            RuntimeError: this is inside another change, whose transaction may end later.
            Unavailable: MongoDB does not answer; the change may have been made.
        """
        if _is_committing.get():
            raise RuntimeError("a change was made inside another one")

        def committing() -> T:
            token = _is_committing.set(True)
            try:
                return commit()
            finally:
                _is_committing.reset(token)

        return self._writer.change(frozenset(tags), committing)

    def cached(
        self, key: Hashable, load: Callable[[], T], *, size_bytes: Callable[[T], int] | None = None
    ) -> T:
        """Return the value of ``key``, from memory or from ``load``.

        Callers that ask at the same time share one load, if what it has read so far is
        unchanged when they come.

        Args:
            key: names the value among all values of the process.
            load: makes the value from the database, naming by :meth:`depends_on` what it is
                about to read *before* it reads it. Its value is shared: nobody changes it.
            size_bytes: measures the value; without it a value counts as 1 KiB.
        """
        entry = self._recall(key)
        if entry is not None:
            return cast("T", entry.value)
        if _is_committing.get() or not self.holds_lease:
            return load()
        flight, is_ours = self._board(key, current_recording())
        if is_ours:
            return self._fly(key, flight, load, size_bytes)
        self._clock.wait(flight.done)
        return cast("T", flight.value) if flight.has_landed else load()

    def depends_on(self, *tags: str) -> None:
        """Name what is about to be read. Outside of a load or a recording it does nothing."""
        recording = current_recording()
        if recording is not None:
            recording.include(tags, math.inf)

    def expires_at(self, moment: datetime) -> None:
        """Say that what is being made must not be used after ``moment`` (UTC)."""
        recording = current_recording()
        if recording is not None:
            recording.include((), self._clock.at(moment))

    @contextmanager
    def recording(self) -> Iterator[Recording]:
        """Collect what an answer depends on that is made in the block; see :meth:`keep`."""
        recording = self._memory.begin_recording()
        outer = current_recording()
        if outer is not None:
            recording.become_part_of(outer)
        with recording.running():
            yield recording

    def peek(self, key: Hashable) -> object | None:
        """Return what was kept under ``key``, or None: the hot path, without any waiting."""
        entry = self._recall(key)
        return None if entry is None else entry.value

    def keep(self, key: Hashable, value: object, recording: Recording, size_bytes: int) -> bool:
        """Remember an answer, unless what it was made from may have changed; return whether."""
        return self._memory.keep(key, value, recording, size_bytes)

    def start(self) -> None:
        """Begin to hold a lease and to remember. Returns at once; reads need not wait."""
        self._stopping.clear()
        steps = ((self._listen, _LISTEN_AGAIN_SECONDS), (self._renew, self._timings.renew))
        self._threads = [Thread(target=self._repeat, args=step, daemon=True) for step in steps]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Forget everything and give the lease up, so that no writer waits for this process."""
        self._stopping.set()
        with suppress(BusError):
            self._holder.wake()
        for thread in self._threads:
            thread.join(_STOP_SECONDS)
        self._threads = []
        try:
            self._holder.release()
        except BusError as error:
            log.warning("coherence.release_failed", error=repr(error))

    def _recall(self, key: Hashable) -> Entry | None:
        entry = self._memory.find(key)
        outer = current_recording()
        if entry is not None and outer is not None:
            # Named first and then read, as by any load: whoever joins the outer load in
            # between either sees these tags or is here before the value is looked up.
            outer.include(entry.tags, entry.usable_until)
            if self._memory.find(key) is not entry:
                entry = None
        if entry is None:
            self.misses += 1
        else:
            self.hits += 1
        return entry

    def _board(self, key: Hashable, outer: Recording | None) -> tuple[_Flight, bool]:
        """Return a flight to wait for, or a new one that is ours to fly."""
        with self._flights_lock:
            flight = self._flights.get(key)
            if flight is not None and self._may_join(flight, outer):
                return flight, False
            flight = self._flights[key] = _Flight(self._memory.begin_recording())
            if outer is not None:
                flight.recording.become_part_of(outer)
            return flight, True

    def _may_join(self, flight: _Flight, outer: Recording | None) -> bool:
        """Whether a request that begins now may get this flight's value.

        What the load has named so far must be unchanged until now. What it has not named
        it has not read: it will read that after this request has begun.
        """
        if outer is not None:
            flight.recording.become_part_of(outer)
        return self._memory.is_unchanged(flight.recording)

    def _fly(
        self,
        key: Hashable,
        flight: _Flight,
        load: Callable[[], T],
        size_bytes: Callable[[T], int] | None,
    ) -> T:
        try:
            with flight.recording.running():
                value = load()
            size = _ASSUMED_BYTES if size_bytes is None else size_bytes(value)
            self._memory.keep(key, value, flight.recording, size)
            flight.value, flight.has_landed = value, True
            return value
        finally:
            with self._flights_lock:
                if self._flights.get(key) is flight:
                    del self._flights[key]
            flight.done.set()

    def _listen(self) -> None:
        self._holder.listen(self._stopping)

    def _renew(self) -> None:
        self._clock.wait(self._holder.is_listening, self._timings.renew)
        self._holder.tick()

    def _repeat(self, step: Callable[[], None], pause_seconds: float) -> None:
        failures = 0
        while not self._stopping.is_set():
            began_at = self._clock.now()
            try:
                step()
                failures = 0
            except (BusError, Unavailable) as error:
                lasted = self._clock.now() - began_at > _LASTING_SECONDS
                failures = 1 if lasted else failures + 1
                if failures.bit_count() == 1:  # an outage is not to fill the log
                    log.warning("coherence.interrupted", error=repr(error), failures=failures)
            except Exception:  # a thread that died would leave the process without memory
                log.exception("coherence.failed")
            self._clock.wait(self._stopping, pause_seconds)
