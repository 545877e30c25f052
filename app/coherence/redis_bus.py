"""The bus in Redis: one Lua script for each step.

``register`` is a hash: each process with its lease, or with ``!`` and the id of the fence
whose writer revoked it; under ``@`` the name of the seat. ``fences`` is a hash of the fences
that are up. Nothing in the register expires: that a process is gone is for a writer to find
out, by its own clock. Fences whose writers died are swept by Redis's clock, but no writer
counts on its fence having been there until it has taken it down itself.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import redis as redis_client
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from app.coherence.bus import (
    BusError,
    Called,
    FenceLifted,
    FencePutUp,
    Message,
    Subscription,
    Unseated,
)
from app.coherence.fences import Fence

if TYPE_CHECKING:
    from redis.commands.core import Script

_ANSWER_SECONDS = 1.0
_RECEIVE_SECONDS = 0.2
_MOST_CONNECTIONS = 1000
_SHORTEST_BLOCK_SECONDS = 0.01
"""Redis takes less than a millisecond for "for ever"."""

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
local channel, number = ARGV[2], ARGV[3]
redis.call('PUBLISH', channel, number)
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
redis.call('HDEL', register, ARGV[2])
"""

_PUT_UP = """
local id, tags, lasts_ms = ARGV[2], ARGV[3], ARGV[4]
redis.call('HSET', fences, id, string.format('%.0f %s', now_ms() + lasts_ms, tags))
redis.call('PUBLISH', fences, '+' .. id .. ' ' .. tags)
return redis.call('HKEYS', register)
"""

_ACKNOWLEDGE = """
redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
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
redis.call('PUBLISH', fences, '-' .. id)
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
        script = self._client.register_script
        self._seat = script(_SEAT)
        self._call = script(_BEGIN + _CALL)
        self._take = script(_BEGIN + _TAKE)
        self._renew = script(_BEGIN + _RENEW)
        self._release = script(_BEGIN + _RELEASE)
        self._put_up = script(_BEGIN + _PUT_UP)
        self._acknowledge = script(_ACKNOWLEDGE)
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
        self._run(self._call, seat, self._calls(process), number)

    def take(self, seat: str, process: str, lease: str) -> Collection[Fence]:
        """Register the process; return the fences that are up."""
        found = self._run(self._take, seat, process, lease)
        return [_to_fence(fence_id, tags) for fence_id, tags in found]

    def renew(self, seat: str, process: str, lease: str) -> bool:
        """Return whether the process has this lease."""
        return bool(self._run(self._renew, seat, process, lease))

    def release(self, seat: str, process: str) -> None:
        """Take the process out of the register."""
        self._run(self._release, seat, process)

    def put_up(self, seat: str, fence: Fence) -> set[str]:
        """Put up a fence; return who is registered."""
        tags = json.dumps(sorted(fence.tags))
        return {*self._run(self._put_up, seat, fence.id, tags, self._fence_ms)} - {"@"}

    def acknowledge(self, fence_id: str, process: str) -> None:
        """Push to the fence's list, which nobody may be left to read."""
        with _reaching():
            self._acknowledge(
                keys=[self._acknowledgements(fence_id)], args=[process, self._fence_ms]
            )

    def next_acknowledgement(self, fence_id: str, seconds: float) -> str | None:
        """Pop from the fence's list."""
        seconds = max(seconds, _SHORTEST_BLOCK_SECONDS)
        with _reaching():
            found = self._client.blpop([self._acknowledgements(fence_id)], timeout=seconds)
        return None if found is None else str(found[1])

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
    def subscribe(self, process: str) -> Iterator[Subscription]:
        """Listen to fences and to the process's own channel."""
        channels = (self._fences, self._calls(process))
        with PubSub(self._client.connection_pool) as pubsub:
            with _reaching():
                pubsub.subscribe(*channels)
                confirmed = [pubsub.get_message(timeout=_ANSWER_SECONDS) for _ in channels]
            if None in confirmed:
                raise BusError("the subscription was not confirmed")
            yield _RedisSubscription(pubsub, self._fences)

    def _run(self, script: Script, seat: str, *args: str | int) -> Any:  # noqa: ANN401  a script's own
        with _reaching():
            return script(keys=self._keys, args=[seat, *args])

    def _calls(self, process: str) -> str:
        return f"{self._prefix}calls:{process}"

    def _acknowledgements(self, fence_id: str) -> str:
        return f"{self._prefix}acknowledgements:{fence_id}"


class _RedisSubscription:
    def __init__(self, pubsub: PubSub, fences_channel: str) -> None:
        self._pubsub = pubsub
        self._fences_channel = fences_channel

    def receive(self) -> Message | None:
        with _reaching():
            message = self._pubsub.get_message(timeout=_RECEIVE_SECONDS)
        if message is None:
            return None
        if message["type"] != "message":
            # redis-py connected and subscribed again by itself; some are lost in between.
            raise BusError("the subscription was interrupted")
        if message["channel"] != self._fences_channel:
            return Called(int(message["data"]))
        verb, rest = message["data"][0], message["data"][1:]
        if verb == "-":
            return FenceLifted(rest)
        fence_id, _, tags = rest.partition(" ")
        return FencePutUp(_to_fence(fence_id, tags))


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
