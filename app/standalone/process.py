"""One child process: started, waited for until it is ready, stopped for certain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.standalone import tether
from app.standalone.errors import CannotStart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

POLL_SECONDS = 0.05
_LOG_LINES_SHOWN = 15
_LOG_END_BYTES = 16 * 1024


@dataclass(frozen=True, kw_only=True)
class Part:
    """One program to run, and how to tell that it runs.

    ``env`` is added to our own environment. ``is_ready`` is asked again and again, also
    before the program listens, and may take a step that brings it nearer to ready.
    ``address`` is for people: where the part is to be found.
    """

    name: str
    argv: tuple[str, ...]
    log: Path
    is_ready: Callable[[], bool]
    address: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    ready_within_seconds: float = 120.0
    stop_within_seconds: float = 20.0


class Child:
    """A started part, in a process group of its own: a Ctrl-C reaches only its parent.

    Must be created by the main thread, since it dies with the thread that created it.
    """

    def __init__(self, part: Part) -> None:
        self.part = part
        self.started_at = time.monotonic()
        part.log.parent.mkdir(parents=True, exist_ok=True)
        tied = (sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), *part.argv)
        with part.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  our own argument list, no shell
                tied,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **part.env},
                process_group=0,
            )

    @property
    def pid(self) -> int:
        """The process id, which is the process group's too."""
        return self._process.pid

    def has_ended(self) -> bool:
        """Whether it is gone."""
        return self._process.poll() is not None

    def has_ended_within(self, seconds: float) -> bool:
        """Wait for its end, at most so long."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self.has_ended()

    def ending(self) -> str:
        """In words, what it ended with; only once it has."""
        code = self._process.returncode
        return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"

    def is_ready(self) -> bool:
        """Whether the part is ready now.

        Raises:
            CannotStart: it has ended, or its time to become ready is over.
        """
        if self.has_ended():
            raise CannotStart(
                f"{self.part.name} ended while it started ({self.ending()}).\n{self._log_end()}"
            )
        if self.part.is_ready():
            return True
        limit = self.part.ready_within_seconds
        if time.monotonic() > self.started_at + limit:
            raise CannotStart(
                f"{self.part.name} was not ready within {limit:.0f} seconds.\n{self._log_end()}"
            )
        return False

    def ask_to_stop(self) -> None:
        """Send the part's own stop signal."""
        self._process.send_signal(self.part.stop_signal)

    def kill(self) -> None:
        """End it and whatever it has started, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Ask it to stop, give it its time, and leave nothing of its group behind."""
        self.ask_to_stop()
        self.has_ended_within(self.part.stop_within_seconds)
        self.kill()

    def _log_end(self) -> str:
        with self.part.log.open("rb") as log:
            log.seek(max(0, self.part.log.stat().st_size - _LOG_END_BYTES))
            lines = log.read().decode(errors="replace").splitlines()[-_LOG_LINES_SHOWN:]
        return "\n".join([f"The end of {self.part.log}:", *(f"  {line}" for line in lines)])


@contextmanager
def running(part: Part) -> Iterator[Child]:
    """Run a part for as long as the block: ready at its start, gone at its end.

    Raises:
        CannotStart: it ended, or was not ready in time.
    """
    child = Child(part)
    try:
        while not child.is_ready():
            child.has_ended_within(POLL_SECONDS)
        yield child
    finally:
        child.stop()
