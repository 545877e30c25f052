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

_POLL_SECONDS = 0.05
_LOG_LINES_SHOWN = 15


@dataclass(frozen=True, kw_only=True)
class Part:
    """One program to run, and how to tell that it runs.

    ``env`` is added to our own environment. ``is_ready`` is asked again and again, also
    before the program listens, and may take a step that brings it nearer to ready.
    """

    name: str
    argv: tuple[str, ...]
    log: Path
    is_ready: Callable[[], bool]
    env: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    ready_within_seconds: float = 60.0
    stop_within_seconds: float = 20.0


class Child:
    """A started part, with its own process group: a Ctrl-C reaches its parent alone."""

    def __init__(self, part: Part) -> None:
        self.part = part
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

    def exit_code(self) -> int | None:
        """What it ended with, negative for a signal's number; None while it runs."""
        return self._process.poll()

    def wait_until_ready(self) -> None:
        """Return once the part says that it is ready.

        Raises:
            CannotStart: it ended, or was not ready in time. It may still run.
        """
        deadline = time.monotonic() + self.part.ready_within_seconds
        while not self.part.is_ready():
            if self.has_ended_within(_POLL_SECONDS):
                raise CannotStart(
                    f"{self.part.name} ended while it started ({self._ending()}).{self._log_tail()}"
                )
            if time.monotonic() > deadline:
                raise CannotStart(
                    f"{self.part.name} was not ready within "
                    f"{self.part.ready_within_seconds:.0f} seconds.{self._log_tail()}"
                )

    def ask_to_stop(self) -> None:
        """Send the part's own stop signal."""
        self._process.send_signal(self.part.stop_signal)

    def has_ended_within(self, seconds: float) -> bool:
        """Wait for its end, at most so long."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End it and whatever it started, now."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Ask it to stop, give it its time, and leave nothing of its group behind."""
        self.ask_to_stop()
        self.has_ended_within(self.part.stop_within_seconds)
        self.kill()

    def _ending(self) -> str:
        code = self._process.returncode
        if code >= 0:
            return f"exit code {code}"
        return f"killed by {signal.Signals(-code).name}"

    def _log_tail(self) -> str:
        lines = self.part.log.read_text(errors="replace").splitlines()[-_LOG_LINES_SHOWN:]
        return "\n".join(["", f"The end of {self.part.log}:", *(f"  {line}" for line in lines)])


@contextmanager
def running(part: Part) -> Iterator[Child]:
    """Run a part for as long as the block: ready at its start, gone at its end."""
    child = Child(part)
    try:
        child.wait_until_ready()
        yield child
    finally:
        child.stop()
