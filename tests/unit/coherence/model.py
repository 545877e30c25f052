"""Redis and MongoDB, as far as coherence needs them, in memory.

``tests/integration/coherence/test_bus.py`` and ``test_charter.py`` hold these models to the
same contract as the real servers.
"""

from __future__ import annotations

from collections import deque
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from app.coherence.bus import (
    Acknowledged,
    BusError,
    Called,
    FenceLifted,
    FencePutUp,
    Message,
    Unseated,
)
from app.coherence.charter import ABSENT, Charter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from app.coherence.fences import Fence


class Waiting(Protocol):
    """Lets time pass for whoever waits in a model."""

    def now(self) -> float: ...
    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool: ...


@dataclass(eq=False)
class ModelInbox:
    """Messages on their way to one place, in order."""

    name: str
    hears_fences: bool
    waiting: Waiting
    queue: deque[Message] = field(default_factory=deque)
    is_broken: bool = False
    is_silent: bool = False

    def deliver(self, message: Message) -> None:
        if not self.is_silent:
            self.queue.append(message)

    def receive(self, seconds: float) -> Message | None:
        self.waiting.wait_for(lambda: bool(self.queue) or self.is_broken, seconds)
        if self.is_broken:
            raise BusError("broken")
        return self.queue.popleft() if self.queue else None


@dataclass
class ModelRedis:
    """One Redis: its memory, its run id and its clock, which is not anybody else's."""

    true_now: Callable[[], float]
    fence_seconds: float
    run_id: str = field(default_factory=lambda: uuid4().hex)
    clock_offset: float = 0.0
    seat: str | None = None
    register: dict[str, str] = field(default_factory=dict)
    fences: dict[str, tuple[Fence, float]] = field(default_factory=dict)
    inboxes: list[ModelInbox] = field(default_factory=list)

    def now(self) -> float:
        return self.true_now() + self.clock_offset

    def tell_all(self, message: Message) -> None:
        for inbox in self.inboxes:
            if inbox.hears_fences:
                inbox.deliver(message)

    def tell(self, name: str, message: Message) -> None:
        for inbox in self.inboxes:
            if inbox.name == name:
                inbox.deliver(message)

    def inboxes_of(self, process: str) -> list[ModelInbox]:
        return [one for one in self.inboxes if one.name == process]

    def flush(self) -> None:
        self.seat = None
        self.register.clear()
        self.fences.clear()

    def snapshot(self) -> tuple[str | None, dict[str, str], dict[str, tuple[Fence, float]]]:
        return self.seat, dict(self.register), dict(self.fences)

    def restart(
        self, snapshot: tuple[str | None, dict[str, str], dict[str, tuple[Fence, float]]] | None
    ) -> None:
        """Start anew with what was once saved, or with nothing; all connections break."""
        self.flush()
        if snapshot is not None:
            self.seat, self.register, self.fences = (
                snapshot[0],
                dict(snapshot[1]),
                dict(snapshot[2]),
            )
        self.run_id = uuid4().hex
        for inbox in self.inboxes:
            inbox.is_broken = True
        self.inboxes.clear()


class ModelBus:
    """The steps, on a model of Redis."""

    def __init__(self, redis: ModelRedis, waiting: Waiting) -> None:
        self._redis = redis
        self._waiting = waiting

    def new_seat(self) -> str:
        return f"{self._redis.run_id}:{uuid4().hex}"

    def seat(self, seat: str) -> None:
        self._redis.seat = seat
        self._redis.register.clear()

    def call(self, seat: str, process: str, number: int) -> None:
        self._check(seat)
        self._redis.tell(process, Called(number))

    def take(self, seat: str, process: str, lease: str) -> Collection[Fence]:
        self._check(seat)
        redis = self._redis
        redis.register[process] = lease
        redis.fences = {
            name: (fence, ends)
            for name, (fence, ends) in redis.fences.items()
            if ends > redis.now()
        }
        return [fence for fence, _ends in redis.fences.values()]

    def renew(self, seat: str, process: str, lease: str) -> bool:
        self._check(seat)
        return self._redis.register.get(process) == lease

    def release(self, seat: str, process: str, lease: str) -> None:
        self._check(seat)
        if self._redis.register.get(process) == lease:
            del self._redis.register[process]

    def put_up(self, seat: str, fence: Fence, inbox: str) -> set[str]:
        self._check(seat)
        redis = self._redis
        redis.fences[fence.id] = (fence, redis.now() + redis.fence_seconds)
        redis.tell_all(FencePutUp(fence, inbox))
        return set(redis.register)

    def acknowledge(self, inbox: str, fence_id: str, process: str) -> None:
        self._redis.tell(inbox, Acknowledged(fence_id, process))

    def revoke(self, seat: str, fence_id: str, processes: Collection[str]) -> None:
        self._check(seat)
        register = self._redis.register
        register.update({one: f"!{fence_id}" for one in processes if one in register})

    def strike(self, seat: str, fence_id: str, processes: Collection[str]) -> None:
        self._check(seat)
        register = self._redis.register
        for process in processes:
            if register.get(process) == f"!{fence_id}":
                del register[process]

    def lift(self, seat: str, fence_id: str) -> bool:
        self._check(seat)
        self._redis.tell_all(FenceLifted(fence_id))
        return self._redis.fences.pop(fence_id, None) is not None

    def listen(self, process: str) -> AbstractContextManager[ModelInbox]:
        return self._open(process, hears_fences=True)

    def open_inbox(self) -> AbstractContextManager[ModelInbox]:
        return self._open(uuid4().hex, hears_fences=False)

    @contextmanager
    def _open(self, name: str, *, hears_fences: bool) -> Iterator[ModelInbox]:
        inbox = ModelInbox(name, hears_fences, self._waiting)
        self._redis.inboxes.append(inbox)
        try:
            yield inbox
        finally:
            if inbox in self._redis.inboxes:
                self._redis.inboxes.remove(inbox)

    def _check(self, seat: str) -> None:
        if self._redis.seat != seat or not seat.startswith(self._redis.run_id):
            raise Unseated


class ModelCharterStore:
    """The charter as a variable."""

    def __init__(self) -> None:
        self.charter = ABSENT

    def read(self) -> Charter:
        return self.charter

    def found(self, charter: Charter) -> bool:
        if self.charter != ABSENT:
            return False
        self.charter = charter
        return True

    def close(self) -> Charter:
        self.charter = replace(
            self.charter,
            edition=uuid4().hex,
            term=self.charter.term or uuid4().hex,
            seat=None,
            is_open=False,
        )
        return self.charter

    def amend(self, edition: str, charter: Charter) -> bool:
        if self.charter == ABSENT or self.charter.edition != edition:
            return False
        self.charter = charter
        return True
