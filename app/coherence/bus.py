"""What coherence needs of Redis: a register of reading processes, fences, and messages.

Every method is one atomic step. That is all that the rest relies on: not on Redis's clock,
not on a message arriving, not on data surviving a restart.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from app.coherence.fences import Fence


class BusError(Exception):
    """Redis did not answer, or not as expected; whether the step was taken is unknown."""


class Unseated(BusError):
    """This is not, or no longer, the Redis and the register that the charter names."""


@dataclass(frozen=True)
class FencePutUp:
    """A writer waits in ``inbox`` until all have forgotten what depends on the fence's tags."""

    fence: Fence
    inbox: str


@dataclass(frozen=True)
class FenceLifted:
    """A writer is done."""

    fence_id: str


@dataclass(frozen=True)
class Acknowledged:
    """A process has put up a fence in its memory."""

    fence_id: str
    process: str


@dataclass(frozen=True)
class Called:
    """What a process said to itself, to see whether it hears (see :meth:`Bus.call`)."""

    number: int


Message = FencePutUp | FenceLifted | Acknowledged | Called


class Inbox(Protocol):
    """Messages to one place, in the order in which Redis sent them.

    Attributes:
        name: where others send to.
    """

    name: str

    def receive(self, seconds: float) -> Message | None:
        """Return the next message, or None where none came in time.

        Raises:
            BusError: no more will come.
        """


class Bus(Protocol):
    """The steps, each atomic. A ``seat`` names one Redis server and one register in it.

    All that take a seat raise :class:`Unseated` and change nothing where it is not the
    one that this Redis has; all raise :class:`BusError` where Redis does not answer. A step
    is sent once: one that arrives late, after its sender has given up, is harmless only
    because its lease or fence has a name that is never used again.
    """

    def new_seat(self) -> str:
        """Return a name, never used before, for a register in the server that answers now."""

    def seat(self, seat: str) -> None:
        """Begin an empty register under this name."""

    def call(self, seat: str, process: str, number: int) -> None:
        """Send ``Called(number)`` to where the process listens."""

    def take(self, seat: str, process: str, lease: str) -> Collection[Fence]:
        """Register the process under a new lease; return the fences that are up."""

    def renew(self, seat: str, process: str, lease: str) -> bool:
        """Return whether the process is still registered under this lease."""

    def release(self, seat: str, process: str, lease: str) -> None:
        """Take the process out of the register if it still has this lease; it uses nothing."""

    def put_up(self, seat: str, fence: Fence, inbox: str) -> set[str]:
        """Put up a fence and tell all; return the processes registered at that moment."""

    def acknowledge(self, inbox: str, fence_id: str, process: str) -> None:
        """Send ``Acknowledged`` to a writer's inbox."""

    def revoke(self, seat: str, fence_id: str, processes: Collection[str]) -> None:
        """End the leases of processes, which stay registered: others are to wait too."""

    def strike(self, seat: str, fence_id: str, processes: Collection[str]) -> None:
        """Take processes out of the register that this fence revoked and nobody since."""

    def lift(self, seat: str, fence_id: str) -> bool:
        """Take down a fence and tell all; return whether it was still up."""

    def listen(self, process: str) -> AbstractContextManager[Inbox]:
        """Receive fences and what the process says to itself, from before the block begins."""

    def open_inbox(self) -> AbstractContextManager[Inbox]:
        """Receive what is sent to this inbox alone; it may hold what was meant for others."""
