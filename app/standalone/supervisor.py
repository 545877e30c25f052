"""Keeps the parts of one run going, and ends them all."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from enum import Enum, auto
from typing import TYPE_CHECKING

from app.standalone.backoff import Backoff
from app.standalone.errors import CannotStart
from app.standalone.process import POLL_SECONDS, Child, Part

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from app.standalone.leftovers import RunRecord
    from app.standalone.stopping import StopSignals

_WATCH_SECONDS = 0.2
_LOG_LIMIT_BYTES = 64 * 1024 * 1024


class _State(Enum):
    STARTING = auto()
    RUNNING = auto()
    WAITING = auto()


class KeptPart:
    """One part that is started again when it dies: at once at first, then ever less often."""

    def __init__(self, part: Part, record: RunRecord, say: Callable[[str], None]) -> None:
        self._part = part
        self._record = record
        self._say = say
        self._backoff = Backoff()
        self._next_start_at = 0.0
        self._state = _State.STARTING
        self._child = self._start()

    def is_ready(self) -> bool:
        """Whether it has been ready since its last start; it is said once when it is.

        Raises:
            CannotStart: that start has failed.
        """
        if self._state is _State.STARTING and self._child.is_ready():
            self._state = _State.RUNNING
            seconds = time.monotonic() - self._child.started_at
            self._say(f"{self._part.name:<8} ready in {seconds:4.1f} s  {self._part.address}")
        return self._state is _State.RUNNING

    def look(self) -> None:
        """Notice that it has died, or bring it back a step."""
        if self._state is _State.WAITING:
            if time.monotonic() >= self._next_start_at:
                self._start_again()
        elif self._state is _State.STARTING:
            try:
                self.is_ready()
            except CannotStart as problem:
                self._come_back_later(str(problem))
        elif self._child.has_ended():
            self._come_back_later(f"{self._part.name} died ({self._child.ending()}).")
        _keep_small(self._part.log)

    def stop(self, *, is_urgent: Callable[[], bool]) -> None:
        """End it within its time, or at once where it is urgent."""
        if self._state is not _State.WAITING:
            self._child.ask_to_stop()
            in_time = self._ends_in_time(is_urgent)
            self._child.kill()
            self._say(f"{self._part.name:<8} {'stopped' if in_time else 'killed'}")
        self._record.forget(self._part.name)

    def _ends_in_time(self, is_urgent: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + self._part.stop_within_seconds
        while not self._child.has_ended_within(POLL_SECONDS):
            if is_urgent() or time.monotonic() > deadline:
                return False
        return True

    def _start(self) -> Child:
        child = Child(self._part)
        self._record.note(self._part.name, child.pid, self._part.argv)
        return child

    def _start_again(self) -> None:
        try:
            self._child = self._start()
        except OSError as error:  # no process or no disk space to be had just now
            self._come_back_later(f"{self._part.name} cannot be started ({error.strerror}).")
        else:
            self._state = _State.STARTING

    def _come_back_later(self, reason: str) -> None:
        self._child.kill()
        delay = self._backoff.delay_after(time.monotonic() - self._child.started_at)
        self._next_start_at = time.monotonic() + delay
        self._state = _State.WAITING
        self._say(f"{reason} Starting it again in {delay:.0f} s; its log is {self._part.log}")


class Supervisor:
    """All parts of one run, in the order of their start."""

    def __init__(self, record: RunRecord, signals: StopSignals, say: Callable[[str], None]) -> None:
        self._record = record
        self._signals = signals
        self._say = say
        self._parts: list[KeptPart] = []

    def start(self, parts: Sequence[Part]) -> None:
        """Start them in order; return when each is ready.

        Raises:
            CannotStart: one failed; the others run until ``stop``.
            StopRequested: a signal came first.
        """
        waiting = []
        for part in parts:
            waiting.append(KeptPart(part, self._record, self._say))
            self._parts.append(waiting[-1])
        while waiting := [kept for kept in waiting if not kept.is_ready()]:
            self._signals.pause(POLL_SECONDS)

    def watch(self) -> None:
        """Keep them running, until a signal comes.

        Raises:
            StopRequested: always, in the end.
        """
        while True:
            self._signals.pause(_WATCH_SECONDS)
            for kept in self._parts:
                kept.look()

    def stop(self) -> None:
        """End them all, the last started first."""
        while self._parts:
            self._parts.pop().stop(is_urgent=lambda: self._signals.hurry)


def _keep_small(log: Path) -> None:
    """Copy a long log aside and empty it; the part goes on writing to the same file."""
    if log.stat().st_size > _LOG_LIMIT_BYTES:
        with suppress(OSError):  # a full disk needs the room more than the copy
            shutil.copyfile(log, log.with_suffix(".log.1"))
        with log.open("r+b") as opened:
            opened.truncate(0)
