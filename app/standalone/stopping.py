"""How a run is told to stop."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


class StopRequested(Exception):
    """The user, or the system, wants the run to end."""


class StopSignals:
    """Hears SIGINT, SIGTERM and SIGHUP; a second one means: hurry.

    The handler only counts. Stopping in the middle of whatever the program does just then
    could lose track of a child that has this moment been started.
    """

    def __init__(self) -> None:
        self._heard = 0

    def listen(self) -> None:
        """Take the signals over from Python's own handling, for the rest of the process.

        A hang-up that is ignored (``nohup``) stays so.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._note)

    @property
    def hurry(self) -> bool:
        """Whether it was asked for more than once."""
        return self._heard > 1

    def pause(self, seconds: float) -> None:
        """Sleep.

        Raises:
            StopRequested: a stop is wanted, by now or all along.
        """
        if not self._heard:
            time.sleep(seconds)
        if self._heard:
            raise StopRequested

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._heard += 1
