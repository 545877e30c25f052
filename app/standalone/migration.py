"""Runs ``packhouse migrate`` and passes on what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from app.standalone import tether
from app.standalone.errors import CannotStart
from app.standalone.process import POLL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.standalone.stopping import StopSignals

_LINES_SHOWN = 15


def migrate(env: Mapping[str, str], signals: StopSignals) -> list[str]:
    """Bring the database up to the code; returns the lines for the user to see.

    In a process of its own, so that the one that stays behind to watch is small. What it
    says goes through a pipe and into no log: a password may be among it.

    Args:
        env: added to our own environment.
        signals: a stop ends it half-way; the next start does the rest.

    Raises:
        CannotStart: it failed; its last words are in the message.
        StopRequested: a signal came first.
    """
    command = (sys.executable, "-m", "app.cli", "migrate")
    with subprocess.Popen(  # noqa: S603  our own argument list, no shell
        (sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), *command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **env},
        process_group=0,
    ) as process:
        try:
            said, complaints = _output(process, signals)
        finally:
            process.kill()
    if process.returncode:
        last_words = "\n".join(complaints.splitlines()[-_LINES_SHOWN:])
        raise CannotStart(f"The database could not be brought up to date.\n{last_words}")
    return said.splitlines()


def _output(process: subprocess.Popen[str], signals: StopSignals) -> tuple[str, str]:
    """What it has said when it has ended; nothing is lost by looking in between."""
    while True:
        signals.pause(0)
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=POLL_SECONDS)
