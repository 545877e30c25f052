"""Slow down those who guess passwords, without ever locking anybody out for long.

Failures are counted per account and address, and per address. After ten, or sixty, in
five minutes the next attempt has to wait, and each further failure doubles the wait, up to
15 minutes. Fifteen quiet minutes after a wait all is forgotten; a right password forgets
the failures of its account and address. Other addresses are never affected.

An attempt is counted before its password is checked, so that a hundred at the same moment
are no way around the limit; the same password tried at the same moment counts once, for a
client that opens fifty connections.

The account is counted by what was typed, and Redis holds a keyed hash of that: it is the
same whether the account exists or not. Without Redis attempts are let through: locking
everyone out helps the attacker, and the hashing itself bounds them (about four guesses a
second and processor, see ``passwords``).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import Enum
from math import ceil
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog
from redis.exceptions import RedisError

from app.auth import secrets
from app.auth.addresses import counted_place
from app.errors import TooManyRequests
from app.extensions import redis, settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from app.auth.principal import ClientInfo

PAIR_LIMIT = 10
ADDRESS_LIMIT = 60
WINDOW_SECONDS = 300
FIRST_DELAY_SECONDS = 15
LONGEST_DELAY_SECONDS = 900

_PENDING_SECONDS = 60  # a process that died in between holds its place so long

log = structlog.get_logger(__name__)

# Common to the scripts. KEYS come in threes: failures (sorted set of moments), pending
# attempts (sorted set), and the state (hash of `level`, how often the delay was doubled,
# and `until`, when it ends). Moments are milliseconds.
_PRELUDE = f"""
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local function wait_of(state)
  return (tonumber(redis.call('HGET', state, 'until')) or 0) - now
end
local function level_of(state)
  return tonumber(redis.call('HGET', state, 'level')) or 0
end
local function recent_failures(failures)
  redis.call('ZREMRANGEBYSCORE', failures, '-inf', now - {WINDOW_SECONDS * 1000})
  return redis.call('ZCARD', failures)
end
"""

# ARGV: now, the attempt's name, the limit of each subject. Returns milliseconds to wait.
_ADMIT = (
    _PRELUDE
    + f"""
local longest = 0
for i = 1, #KEYS, 3 do
  local failures, pending, state = KEYS[i], KEYS[i + 1], KEYS[i + 2]
  local wait = wait_of(state)
  if wait <= 0 then
    redis.call('ZREMRANGEBYSCORE', pending, '-inf', now - {_PENDING_SECONDS * 1000})
    local others = redis.call('ZCARD', pending)
    if redis.call('ZSCORE', pending, ARGV[2]) then others = others - 1 end
    local room = tonumber(ARGV[2 + (i + 2) / 3]) - recent_failures(failures)
    if level_of(state) > 0 then room = 1 end
    if others >= room then wait = 1000 end
  end
  if wait > longest then longest = wait end
end
if longest > 0 then return longest end
for i = 1, #KEYS, 3 do
  redis.call('ZADD', KEYS[i + 1], now, ARGV[2])
  redis.call('PEXPIRE', KEYS[i + 1], {_PENDING_SECONDS * 1000})
end
return 0
"""
)

# ARGV: now, the attempt's name, the limit of each subject, a name for the failure.
# Returns the longest delay that begins, in milliseconds.
_FAIL = (
    _PRELUDE
    + f"""
local longest = 0
for i = 1, #KEYS, 3 do
  local failures, pending, state = KEYS[i], KEYS[i + 1], KEYS[i + 2]
  redis.call('ZREM', pending, ARGV[2])
  redis.call('ZADD', failures, now, ARGV[#ARGV])
  redis.call('PEXPIRE', failures, {WINDOW_SECONDS * 1000})
  local level = level_of(state)
  if level > 0 or recent_failures(failures) >= tonumber(ARGV[2 + (i + 2) / 3]) then
    local delay = math.min({FIRST_DELAY_SECONDS} * 2 ^ level, {LONGEST_DELAY_SECONDS}) * 1000
    redis.call('HSET', state, 'level', level + 1, 'until', now + delay)
    redis.call('PEXPIRE', state, delay + {LONGEST_DELAY_SECONDS * 1000})
    if delay > longest then longest = delay end
  end
end
return longest
"""
)

# ARGV: now, the attempt's name. The first subject is the account at this address.
_SUCCEED = """
redis.call('DEL', KEYS[1], KEYS[3])
for i = 1, #KEYS, 3 do redis.call('ZREM', KEYS[i + 1], ARGV[2]) end
return 0
"""
_WITHDRAW = """
for i = 1, #KEYS, 3 do redis.call('ZREM', KEYS[i + 1], ARGV[2]) end
return 0
"""
_WAIT = (
    _PRELUDE
    + """
return math.max(wait_of(KEYS[3]), 0)
"""
)


class Outcome(Enum):
    """What came of an attempt; ``UNKNOWN`` where checking itself failed."""

    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt to sign in that was let through and must be settled.

    Attributes:
        name: the same for the same account and password, and tells neither.
        keys: in Redis, three for each subject; none for an exempt address.
    """

    name: str
    keys: tuple[str, ...]


def admit(
    identifier: str, password: str, client: ClientInfo, *, moment: datetime | None = None
) -> Attempt:
    """Let an attempt through, or say how long it has to wait.

    Args:
        identifier: the e-mail or username, as typed.
        password: to know the same attempt on several connections; only a keyed hash of it
            is kept, for a minute.
        client: whose address counts; IPv6 addresses by their network of 64 bits.
        moment: now, where it is not Redis that says so.

    Raises:
        TooManyRequests: with the seconds to wait.
    """
    attempt = Attempt(
        name=_keyed_hash(f"{_folded(identifier)}\0{password}"), keys=_keys(identifier, client)
    )
    _require_no_wait(_run(_ADMIT, attempt, moment, PAIR_LIMIT, ADDRESS_LIMIT))
    return attempt


def settle(attempt: Attempt, outcome: Outcome, *, moment: datetime | None = None) -> int:
    """Tell what came of an attempt.

    Returns:
        The seconds of the delay that its failure began; 0 for none.
    """
    if outcome is Outcome.RIGHT:
        return _run(_SUCCEED, attempt, moment)
    if outcome is Outcome.UNKNOWN:
        return _run(_WITHDRAW, attempt, moment)
    failure = uuid4().hex
    return _run(_FAIL, attempt, moment, PAIR_LIMIT, ADDRESS_LIMIT, failure)


def require_no_delay(
    identifier: str, client: ClientInfo, *, moment: datetime | None = None
) -> None:
    """Refuse where this account has to wait at this address, without counting an attempt.

    Raises:
        TooManyRequests: with the seconds to wait.
    """
    _require_no_wait(_run(_WAIT, Attempt(name="", keys=_keys(identifier, client)), moment))


def _require_no_wait(seconds: int) -> None:
    if seconds > 0:
        raise TooManyRequests(
            f"Too many failed sign-ins. Try again in {seconds} seconds.",
            retry_after_seconds=seconds,
        )


def _run(script: str, attempt: Attempt, moment: datetime | None, *arguments: int | str) -> int:
    if not attempt.keys:
        return 0
    now_ms = "" if moment is None else round(moment.timestamp() * 1000)
    values: Sequence[int | str] = (now_ms, attempt.name, *arguments)
    try:
        milliseconds = redis.eval(script, len(attempt.keys), *attempt.keys, *values)
    except RedisError as error:  # down, loading, full or read-only: the same for us
        log.warning("throttle.unavailable", error=type(error).__name__)
        return 0
    return ceil(int(milliseconds) / 1000)


def _keys(identifier: str, client: ClientInfo) -> tuple[str, ...]:
    place = counted_place(client.ip)
    if place is None:
        return ()
    account = _keyed_hash(f"{_folded(identifier)}\0{place}")
    prefix = f"{settings.redis_prefix}sign-in:"
    return tuple(
        f"{prefix}{subject}:{part}"
        for subject in (f"account:{account}", f"address:{place}")
        for part in ("failures", "pending", "state")
    )


def _folded(identifier: str) -> str:
    return identifier.strip().casefold()


def _keyed_hash(text: str) -> str:
    key = secrets.derived_key("sign-in throttle")
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]
