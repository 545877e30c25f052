"""The bus in Redis: one Lua script for each step.

``register`` is a hash: each process with its lease, or with ``!`` and the id of the fence
whose writer revoked it; under ``@`` the name of the seat. ``fences`` is a hash of the fences
that are up. Nothing in the register expires: that a process is gone is for a writer to find
out, by its own clock. Fences whose writers died are swept by Redis's clock, but no writer
counts on its fence having been there until it has taken it down itself.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import redis as redis_client
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from app.coherence.bus import (
    Acknowledged,
    BusError,
    Called,
    FenceLifted,
    FencePutUp,
    Inbox,
    Message,
    Unseated,
)
from app.coherence.fences import Fence

if TYPE_CHECKING:
    from redis.commands.core import Script

_ANSWER_SECONDS = 2.0
_MOST_CONNECTIONS = 1000
_MOST_IDLE_INBOXES = 16

_BEGIN = """
local register, fences, seat = KEYS[1], KEYS[2], ARGV[1]
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
if string.match(seat, '^%x+') ~= server or redis.call('HGET', register, '@') ~= seat then
  return redis.error_reply('UNSEATED')
end
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
"""

_SEAT = """
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], '@', ARGV[1])
"""

_CALL = """
local inbox, number = ARGV[2], ARGV[3]
redis.call('PUBLISH', inbox, 'call ' .. number)
"""

_TAKE = """
local process, lease = ARGV[2], ARGV[3]
redis.call('HSET', register, process, lease)
local all, up = redis.call('HGETALL', fences), {}
for i = 1, #all, 2 do
  local ends_ms, tags = string.match(all[i + 1], '^(%d+) (.*)$')
  if tonumber(ends_ms) > now_ms() then
    table.insert(up, {all[i], tags})
  else
    redis.call('HDEL', fences, all[i])
  end
end
return up
"""

# It writes even where nothing changes: a server that was made a replica must refuse it.
_RENEW = """
local process, lease = ARGV[2], ARGV[3]
if redis.call('HGET', register, process) ~= lease then
  return 0
end
redis.call('HSET', register, process, lease)
return 1
"""

_RELEASE = """
local process, lease = ARGV[2], ARGV[3]
if redis.call('HGET', register, process) == lease then
  redis.call('HDEL', register, process)
end
"""

_PUT_UP = """
local id, tags, lasts_ms, inbox = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
redis.call('HSET', fences, id, string.format('%.0f %s', now_ms() + lasts_ms, tags))
redis.call('PUBLISH', fences, string.format('put_up %s %s %s', id, inbox, tags))
return redis.call('HKEYS', register)
"""

_REVOKE = """
local revoked = '!' .. ARGV[2]
for i = 3, #ARGV do
  if redis.call('HEXISTS', register, ARGV[i]) == 1 then
    redis.call('HSET', register, ARGV[i], revoked)
  end
end
"""

_STRIKE = """
local revoked = '!' .. ARGV[2]
for i = 3, #ARGV do
  if redis.call('HGET', register, ARGV[i]) == revoked then
    redis.call('HDEL', register, ARGV[i])
  end
end
"""

_LIFT = """
local id = ARGV[2]
redis.call('PUBLISH', fences, 'lift ' .. id)
return redis.call('HDEL', fences, id)
"""


class RedisBus:
    """The steps over connections of their own, on which no command is ever sent twice."""

    def __init__(self, client: redis_client.Redis, prefix: str, *, fence_seconds: float) -> None:
        self._client = _connect_like(client)
        self._fence_ms = round(fence_seconds * 1000)
        self._prefix = f"{prefix}coherence:"
        self._fences = f"{self._prefix}fences"
        self._keys = [f"{self._prefix}register", self._fences]
        self._idle: deque[_RedisInbox] = deque(maxlen=_MOST_IDLE_INBOXES)
        script = self._client.register_script
        self._seat = script(_SEAT)
        self._call = script(_BEGIN + _CALL)
        self._take = script(_BEGIN + _TAKE)
        self._renew = script(_BEGIN + _RENEW)
        self._release = script(_BEGIN + _RELEASE)
        self._put_up = script(_BEGIN + _PUT_UP)
        self._revoke = script(_BEGIN + _REVOKE)
        self._strike = script(_BEGIN + _STRIKE)
        self._lift = script(_BEGIN + _LIFT)

    def new_seat(self) -> str:
        """Name a register; the name begins with the server's run id, new at each start."""
        with _reaching():
            server: dict[str, str] = self._client.info("server")
        return f"{server['run_id']}:{uuid4().hex}"

    def seat(self, seat: str) -> None:
        """Begin an empty register under this name."""
        self._run(self._seat, seat)

    def call(self, seat: str, process: str, number: int) -> None:
        """Publish to the process's own channel."""
        self._run(self._call, seat, self._inbox_of(process), number)

    def take(self, seat: str, process: str, lease: str) -> Collection[Fence]:
        """Register the process; return the fences that are up."""
        found = self._run(self._take, seat, process, lease)
        return [_to_fence(fence_id, tags) for fence_id, tags in found]

    def renew(self, seat: str, process: str, lease: str) -> bool:
        """Return whether the process has this lease."""
        return bool(self._run(self._renew, seat, process, lease))

    def release(self, seat: str, process: str, lease: str) -> None:
        """Take the process out of the register, unless it has another lease."""
        self._run(self._release, seat, process, lease)

    def put_up(self, seat: str, fence: Fence, inbox: str) -> set[str]:
        """Put up a fence; return who is registered."""
        tags = json.dumps(sorted(fence.tags))
        registered = self._run(self._put_up, seat, fence.id, tags, self._fence_ms, inbox)
        return {*registered} - {"@"}

    def acknowledge(self, inbox: str, fence_id: str, process: str) -> None:
        """Publish to the writer's inbox: a list would cost a write to Redis's log each time."""
        with _reaching():
            self._client.publish(inbox, f"acknowledge {fence_id} {process}")

    def revoke(self, seat: str, fence_id: str, processes: Collection[str]) -> None:
        """Write the fence's id over the leases."""
        self._run(self._revoke, seat, fence_id, *processes)

    def strike(self, seat: str, fence_id: str, processes: Collection[str]) -> None:
        """Take out those over which the fence's id still stands."""
        self._run(self._strike, seat, fence_id, *processes)

    def lift(self, seat: str, fence_id: str) -> bool:
        """Take down a fence; return whether it was up."""
        return bool(self._run(self._lift, seat, fence_id))

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
        inbox = _RedisInbox(PubSub(self._client.connection_pool), channels[0])
        try:
            inbox.subscribe(channels)
        except BusError:
            inbox.close()
            raise
        return inbox

    def _run(self, script: Script, seat: str, *args: str | int) -> Any:  # noqa: ANN401  a script's own
        with _reaching():
            return script(keys=self._keys, args=[seat, *args])

    def _inbox_of(self, process: str) -> str:
        return f"{self._prefix}inbox:{process}"


class _RedisInbox:
    """A connection that is subscribed to some channels, the first of which is its own.

    Attributes:
        is_doubtful: what was last waited for did not come.
    """

    def __init__(self, pubsub: PubSub, name: str) -> None:
        self._pubsub = pubsub
        self.name = name
        self.is_doubtful = False

    def subscribe(self, channels: Collection[str]) -> None:
        with _reaching():
            self._pubsub.subscribe(*channels)
            confirmed = [self._pubsub.get_message(timeout=_ANSWER_SECONDS) for _ in channels]
        if None in confirmed:
            raise BusError("the subscription was not confirmed")

    def receive(self, seconds: float) -> Message | None:
        with _reaching():
            message = self._pubsub.get_message(timeout=seconds)
        self.is_doubtful = message is None
        if message is None:
            return None
        if message["type"] != "message":
            # redis-py connected and subscribed again by itself; some are lost in between.
            raise BusError("the subscription was interrupted")
        return _read_message(message["data"])

    def close(self) -> None:
        self._pubsub.close()


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


def _connect_like(client: redis_client.Redis) -> redis_client.Redis:
    """Return a client of the same server that gives up soon and never repeats a command.

    A step that is repeated could be taken twice, the second time long after: a lease taken
    again after it was revoked would be one that nobody knows of.
    """
    pool = client.connection_pool
    options = {
        **pool.connection_kwargs,
        "decode_responses": True,
        "health_check_interval": 0,
        "retry": Retry(NoBackoff(), 0),
        "retry_on_error": [],
        "retry_on_timeout": False,
        "socket_connect_timeout": _ANSWER_SECONDS,
        "socket_timeout": _ANSWER_SECONDS,
    }
    return redis_client.Redis(
        connection_pool=redis_client.ConnectionPool(
            connection_class=pool.connection_class, max_connections=_MOST_CONNECTIONS, **options
        )
    )


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except ResponseError as error:
        raise (Unseated if "UNSEATED" in str(error) else BusError)(str(error)) from error
    except (RedisError, OSError) as error:
        raise BusError(repr(error)) from error
