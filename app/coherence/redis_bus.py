"""The bus in Redis."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from app.coherence import redis_scripts as scripts
from app.coherence.bus import (
    Acknowledged,
    BusError,
    Called,
    FenceLifted,
    FencePutUp,
    Inbox,
    Message,
)
from app.coherence.fences import Fence
from app.coherence.redis_connections import Connections

if TYPE_CHECKING:
    from redis import Redis

    from app.coherence.redis_connections import Subscription

_MOST_IDLE_INBOXES = 16


class RedisBus:
    """The steps as scripts, and the messages as messages, in one Redis."""

    def __init__(self, client: Redis, prefix: str, *, fence_seconds: float) -> None:
        self._connections = Connections(client)
        self._fence_ms = round(fence_seconds * 1000)
        self._prefix = f"{prefix}coherence:"
        self._fences = f"{self._prefix}fences"
        self._keys = (f"{self._prefix}register", self._fences)
        self._idle: deque[_RedisInbox] = deque(maxlen=_MOST_IDLE_INBOXES)

    def new_seat(self) -> str:
        """Name a register; the name begins with the server's run id, new at each start."""
        server: str = self._connections.execute("INFO", "server")
        _, _, rest = server.partition("run_id:")
        return f"{rest.split()[0]}:{uuid4().hex}"

    def seat(self, seat: str) -> None:
        """Begin an empty register under this name."""
        self._run(scripts.SEAT, seat)

    def call(self, seat: str, process: str, number: int) -> None:
        """Publish to the process's own channel."""
        self._run(scripts.CALL, seat, self._inbox_of(process), number)

    def take(self, seat: str, process: str, lease: str) -> Collection[Fence]:
        """Register the process; return the fences that are up."""
        found = self._run(scripts.TAKE, seat, process, lease)
        return [_to_fence(fence_id, tags) for fence_id, tags in found]

    def renew(self, seat: str, process: str, lease: str) -> bool:
        """Return whether the process has this lease."""
        return bool(self._run(scripts.RENEW, seat, process, lease))

    def release(self, seat: str, process: str, lease: str) -> None:
        """Take the process out of the register, unless it has another lease."""
        self._run(scripts.RELEASE, seat, process, lease)

    def put_up(self, seat: str, fence: Fence, inbox: str) -> set[str]:
        """Put up a fence; return who is registered."""
        tags = json.dumps(sorted(fence.tags))
        registered = self._run(scripts.PUT_UP, seat, fence.id, tags, self._fence_ms, inbox)
        return {*registered} - {scripts.SEAT_FIELD}

    def acknowledge(self, inbox: str, fence_id: str, process: str) -> None:
        """Publish to the writer's inbox."""
        self._connections.execute("PUBLISH", inbox, f"acknowledge {fence_id} {process}")

    def revoke(self, seat: str, fence_id: str, processes: Collection[str]) -> None:
        """Write the fence's id over the leases."""
        self._run(scripts.REVOKE, seat, fence_id, *processes)

    def strike(self, seat: str, fence_id: str, processes: Collection[str]) -> None:
        """Take out those over which the fence's id still stands."""
        self._run(scripts.STRIKE, seat, fence_id, *processes)

    def lift(self, seat: str, fence_id: str) -> bool:
        """Take down a fence; return whether it was up."""
        return bool(self._run(scripts.LIFT, seat, fence_id))

    @contextmanager
    def listen(self, process: str) -> Iterator[Inbox]:
        """Subscribe to fences and to the process's own channel."""
        with closing(self._subscribe(self._inbox_of(process), self._fences)) as inbox:
            yield inbox

    @contextmanager
    def open_inbox(self) -> Iterator[Inbox]:
        """Take an idle inbox, or subscribe to a new channel.

        Where one failed, or what was awaited did not come, no idle one is used again: their
        connections may be dead without anyone knowing.
        """
        inbox = self._take_idle() or self._subscribe(self._inbox_of(uuid4().hex))
        is_sound = False
        try:
            yield inbox
            is_sound = not inbox.is_doubtful
        finally:
            if is_sound:
                self._idle.append(inbox)
            else:
                inbox.close()
                self._idle.clear()

    def _take_idle(self) -> _RedisInbox | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _subscribe(self, *channels: str) -> _RedisInbox:
        return _RedisInbox(channels[0], self._connections.subscribe(*channels))

    def _run(self, script: scripts.Script, seat: str, *args: str | float) -> Any:  # noqa: ANN401  a script's own
        return self._connections.run(script, self._keys, (seat, *args))

    def _inbox_of(self, process: str) -> str:
        return f"{self._prefix}inbox:{process}"


class _RedisInbox:
    """A subscription to some channels, the first of which is its own.

    Attributes:
        is_doubtful: what was last waited for did not come.
    """

    def __init__(self, name: str, subscription: Subscription) -> None:
        self._subscription = subscription
        self.name = name
        self.is_doubtful = False

    def receive(self, seconds: float) -> Message | None:
        text = self._subscription.receive(seconds)
        self.is_doubtful = text is None
        return None if text is None else _read_message(text)

    def close(self) -> None:
        self._subscription.close()


def _read_message(text: str) -> Message:
    match text.split(" ", 3):
        case ["put_up", fence_id, inbox, tags]:
            return FencePutUp(_to_fence(fence_id, tags), inbox)
        case ["lift", fence_id]:
            return FenceLifted(fence_id)
        case ["acknowledge", fence_id, process]:
            return Acknowledged(fence_id, process)
        case ["call", number]:
            return Called(int(number))
    raise BusError(f"not a message: {text!r}")


def _to_fence(fence_id: str, tags: str) -> Fence:
    return Fence(fence_id, frozenset(json.loads(tags)))
