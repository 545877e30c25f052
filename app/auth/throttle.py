"""Slow down those who guess passwords, without ever locking anybody out for long.

Failures are counted per account and address, per address, and per account. After ten, or
sixty, in five minutes the next attempt there has to wait, and each further failure doubles
the wait, up to 15 minutes. Fifteen quiet minutes after a wait all is forgotten; a right
password forgets the failures of its account and address.

An account that a hundred wrong passwords came for in five minutes, from wherever, is being
attacked from many addresses. Then each address from which nobody signed in to it lately has
to wait for a turn before every attempt. Turns are a second apart and given in the order of
asking, and none is further away than 15 minutes: only more than 900 addresses at once get
more turns than that. Who signed in from their address within 30 days notices nothing.

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

from app.auth import identifiers, secrets
from app.auth.addresses import counted_place
from app.errors import TooManyRequests
from app.extensions import redis, settings

if TYPE_CHECKING:
    from datetime import datetime

    from app.auth.principal import ClientInfo

PAIR_LIMIT = 10
ADDRESS_LIMIT = 60
ACCOUNT_LIMIT = 100
WINDOW_SECONDS = 300
FIRST_DELAY_SECONDS = 15
LONGEST_DELAY_SECONDS = 900
SECONDS_BETWEEN_TURNS = 1
KNOWN_SECONDS = 30 * 24 * 3600  # how long an address that an account signed in from is known

_PENDING_SECONDS = 60  # a process that died in between holds its place so long

log = structlog.get_logger(__name__)

# Common to the scripts. Moments are milliseconds. The account at this address and the
# address are two subjects of three keys each: failures (sorted set of moments), pending
# attempts (sorted set), and the state (hash of `level`, how often the delay was doubled, and
# `until`, when it ends). The account has failures and pending attempts, and the moment of
# the last turn that was given; the account at this address has its own turn, and whether it
# is known.
_PRELUDE = f"""
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local name = ARGV[2]
local subjects = {{
  {{failures = KEYS[1], pending = KEYS[2], state = KEYS[3], limit = {PAIR_LIMIT}}},
  {{failures = KEYS[4], pending = KEYS[5], state = KEYS[6], limit = {ADDRESS_LIMIT}}},
}}
local account = {{failures = KEYS[7], pending = KEYS[8], last_turn = KEYS[9]}}
local own_turn, known = KEYS[10], KEYS[11]
local function level_of(state)
  return tonumber(redis.call('HGET', state, 'level')) or 0
end
local function recent_failures(failures)
  redis.call('ZREMRANGEBYSCORE', failures, '-inf', now - {WINDOW_SECONDS * 1000})
  return redis.call('ZCARD', failures)
end
local function others_pending(pending)
  redis.call('ZREMRANGEBYSCORE', pending, '-inf', now - {_PENDING_SECONDS * 1000})
  local all = redis.call('ZCARD', pending)
  return redis.call('ZSCORE', pending, name) and all - 1 or all
end
local function add_pending(pending)
  redis.call('ZADD', pending, now, name)
  redis.call('PEXPIRE', pending, {_PENDING_SECONDS * 1000})
end
local function add_failure(failures, failure)
  redis.call('ZADD', failures, now, failure)
  redis.call('PEXPIRE', failures, {WINDOW_SECONDS * 1000})
end
local function withdraw()
  for _, pending in ipairs({{KEYS[2], KEYS[5], KEYS[8]}}) do
    redis.call('ZREM', pending, name)
  end
end
local function make_known()
  redis.call('SET', known, '', 'PX', {KNOWN_SECONDS * 1000})
end
"""

# ARGV: now, the attempt's name, `right` where its password is known to be so.
# Returns milliseconds to wait.
_ADMIT = (
    _PRELUDE
    + f"""
local function delay_of(subject)
  local wait = (tonumber(redis.call('HGET', subject.state, 'until')) or 0) - now
  if wait > 0 then return wait end
  local room = subject.limit - recent_failures(subject.failures)
  if level_of(subject.state) > 0 then room = 1 end
  return others_pending(subject.pending) >= room and 1000 or 0
end
local function turn_of_a_stranger()
  local turn = tonumber(redis.call('GET', own_turn))
  if not turn then
    local last = tonumber(redis.call('GET', account.last_turn)) or 0
    local soonest = math.max(last, now) + {SECONDS_BETWEEN_TURNS * 1000}
    turn = math.min(soonest, now + {LONGEST_DELAY_SECONDS * 1000})
    redis.call('SET', account.last_turn, turn, 'PX', turn - now)
    redis.call('SET', own_turn, turn, 'PX', turn - now + {LONGEST_DELAY_SECONDS * 1000})
  end
  return turn
end

local longest = math.max(delay_of(subjects[1]), delay_of(subjects[2]))
if longest > 0 then return longest end
local is_stranger = redis.call('EXISTS', known) == 0
local is_repeated = redis.call('ZSCORE', subjects[1].pending, name)
if is_stranger and not is_repeated then
  local failures = recent_failures(account.failures)
  if failures + others_pending(account.pending) >= {ACCOUNT_LIMIT} then
    local turn = turn_of_a_stranger()
    if turn > now then return turn - now end
    redis.call('DEL', own_turn)
  end
end
if ARGV[3] ~= 'right' then
  add_pending(subjects[1].pending)
  add_pending(subjects[2].pending)
  add_pending(account.pending)
elseif is_stranger then
  make_known()
end
return 0
"""
)

# ARGV: now, the attempt's name, a name for the failure.
# Returns the longest delay that begins, in milliseconds.
_FAIL = (
    _PRELUDE
    + f"""
withdraw()
local longest = 0
for _, subject in ipairs(subjects) do
  add_failure(subject.failures, ARGV[3])
  local level = level_of(subject.state)
  if level > 0 or recent_failures(subject.failures) >= subject.limit then
    local delay = math.min({FIRST_DELAY_SECONDS} * 2 ^ level, {LONGEST_DELAY_SECONDS}) * 1000
    redis.call('HSET', subject.state, 'level', level + 1, 'until', now + delay)
    redis.call('PEXPIRE', subject.state, delay + {LONGEST_DELAY_SECONDS * 1000})
    longest = math.max(longest, delay)
  end
end
add_failure(account.failures, ARGV[3])
redis.call('ZREMRANGEBYRANK', account.failures, 0, -{ACCOUNT_LIMIT + 1})
return longest
"""
)

# ARGV: now, the attempt's name.
_SUCCEED = (
    _PRELUDE
    + """
withdraw()
redis.call('DEL', subjects[1].failures, subjects[1].state)
make_known()
return 0
"""
)
_WITHDRAW = (
    _PRELUDE
    + """
withdraw()
return 0
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
        keys: in Redis, as the scripts take them; none for an exempt address.
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
    attempt = _attempt(identifier, password, client)
    _require_no_wait(_run(_ADMIT, attempt, moment))
    return attempt


def admit_right(
    identifier: str, password: str, client: ClientInfo, *, moment: datetime | None = None
) -> None:
    """Let a password through that is remembered as right; nothing is left to settle.

    It waits where any other would. Else one that is never told to wait would be known for
    the right one by that, and guessing where everything waits were without a limit.

    Raises:
        TooManyRequests: with the seconds to wait.
    """
    _require_no_wait(_run(_ADMIT, _attempt(identifier, password, client), moment, "right"))


def settle(attempt: Attempt, outcome: Outcome, *, moment: datetime | None = None) -> int:
    """Tell what came of an attempt.

    Returns:
        The seconds of the delay that its failure began; 0 for none.
    """
    if outcome is Outcome.RIGHT:
        return _run(_SUCCEED, attempt, moment)
    if outcome is Outcome.UNKNOWN:
        return _run(_WITHDRAW, attempt, moment)
    return _run(_FAIL, attempt, moment, uuid4().hex)


def _require_no_wait(seconds: int) -> None:
    if seconds > 0:
        raise TooManyRequests(
            f"Too many failed sign-ins. Try again in {seconds} seconds.",
            retry_after_seconds=seconds,
        )


def _run(script: str, attempt: Attempt, moment: datetime | None, *arguments: str) -> int:
    if not attempt.keys:
        return 0
    now_ms = "" if moment is None else round(moment.timestamp() * 1000)
    try:
        milliseconds = redis.eval(
            script, len(attempt.keys), *attempt.keys, now_ms, attempt.name, *arguments
        )
    except RedisError as error:  # down, loading, full or read-only: the same for us
        log.warning("throttle.unavailable", error=type(error).__name__)
        return 0
    return ceil(int(milliseconds) / 1000)


def _attempt(identifier: str, password: str, client: ClientInfo) -> Attempt:
    # Folded as for looking the account up: no spelling that leads to it counts as another.
    account = identifiers.fold(identifier)
    return Attempt(name=_keyed_hash(f"{account}\0{password}"), keys=_keys(account, client))


def _keys(account: str, client: ClientInfo) -> tuple[str, ...]:
    place = counted_place(client.ip)
    if place is None:
        return ()
    prefix = f"{settings.redis_prefix}sign-in:"
    pair = prefix + "pair:" + _keyed_hash(f"{account}\0{place}")
    everywhere = prefix + "account:" + _keyed_hash(account)
    return (
        *_subject_keys(pair),
        *_subject_keys(f"{prefix}address:{place}"),
        f"{everywhere}:failures",
        f"{everywhere}:pending",
        f"{everywhere}:turn",
        f"{pair}:turn",
        f"{pair}:known",
    )


def _subject_keys(subject: str) -> tuple[str, ...]:
    return tuple(f"{subject}:{part}" for part in ("failures", "pending", "state"))


def _keyed_hash(text: str) -> str:
    key = secrets.derived_key("sign-in throttle")
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]
