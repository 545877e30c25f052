"""A program under test: what it says, what it has started, how it ends."""

from __future__ import annotations

import os
import select
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).parents[3]
_LONGEST_SECONDS = 400


class Command:
    """A running program whose output is read line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    def says(self, text: str) -> str:
        """All that it says, from now to the first line that holds the text."""
        assert self._process.stdout
        said = ""
        for line in self._process.stdout:
            said += line
            if text in line:
                return said
        pytest.fail(f"it never said {text!r}:\n{said}")

    def ends(self) -> tuple[int, str]:
        """Its exit code, and what it says until then."""
        said, _ = self._process.communicate()
        return self._process.returncode, said

    def stop(self, stop_signal: signal.Signals) -> tuple[int, str]:
        self._process.send_signal(stop_signal)
        return self.ends()

    def kill(self) -> None:
        self._process.kill()


@contextmanager
def running(arguments: Sequence[str | Path], env: Mapping[str, str]) -> Iterator[Command]:
    """Run a program; it is gone after the block, and in any case after some minutes."""
    with subprocess.Popen(  # noqa: S603  our own program
        arguments,
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        watchdog = threading.Timer(_LONGEST_SECONDS, process.kill)
        watchdog.start()
        try:
            yield Command(process)
        finally:
            watchdog.cancel()
            process.kill()


def descendants(pid: int) -> set[int]:
    """All that a process has started, and what those have started, and so on."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        waiting += (new := children.get(waiting.pop(), []))
        found.update(new)
    return found


def all_end_within(pids: set[int], seconds: float) -> bool:
    """Wait for the end of processes that need not be our children."""
    deadline = time.monotonic() + seconds
    return all(_ends_before(pid, deadline) for pid in pids)


def _ends_before(pid: int, deadline: float) -> bool:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        left = max(0.0, deadline - time.monotonic())
        return bool(select.select([descriptor], [], [], left)[0])
    finally:
        os.close(descriptor)
