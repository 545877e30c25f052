"""A command that believes that a person sits in front of it."""

from __future__ import annotations

import errno
import os
import pty
import re
import select
import signal
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PATIENCE_SECONDS = 120
_READ_BYTES = 65536


class Terminal:
    """Runs a command on a pseudo-terminal for as long as the block.

    Attributes:
        shown: all that has appeared so far.
    """

    def __init__(self, argv: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> None:
        self.shown = ""
        self._read_up_to = 0
        self._screen, keyboard = pty.openpty()
        try:
            self._process = subprocess.Popen(  # noqa: S603  the test's own arguments, no shell
                argv,
                cwd=cwd,
                env={**environment, "TERM": "dumb"},
                stdin=keyboard,
                stdout=keyboard,
                stderr=keyboard,
                start_new_session=True,
            )
        finally:
            os.close(keyboard)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._screen)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until something new appears that matches.

        Raises:
            AssertionError: it did not, in two minutes or before the command ended.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = re.compile(pattern).search(self.shown, self._read_up_to)
            if found is not None:
                self._read_up_to = found.end()
                return found
            if not self._read(deadline):
                raise AssertionError(f"{pattern!r} did not appear:\n{self.shown}")

    def enter(self, text: str) -> None:
        """Type a line."""
        os.write(self._screen, f"{text}\r".encode())

    def wait(self) -> int:
        """Wait for the command to end; returns its exit code."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._read(deadline):
            pass
        return self._process.wait(PATIENCE_SECONDS)

    def _read(self, deadline: float) -> bool:
        """Take what appears next; false where nothing will."""
        ready, _, _ = select.select([self._screen], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self._screen, _READ_BYTES)
        except OSError as error:
            if error.errno != errno.EIO:  # Linux says so when the other side is closed
                raise
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)
