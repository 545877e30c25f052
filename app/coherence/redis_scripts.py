"""The steps in Redis, each a Lua script and so atomic.

``register`` is a hash: each process with its lease, or with ``!`` and the id of the fence
whose writer revoked it; under ``@`` the name of the seat. ``fences`` is a hash of the fences
that are up. Nothing in the register expires: that a process is gone is for a writer to find
out, by its own clock. Fences whose writers died are swept by Redis's clock, but no writer
counts on its fence having been there until it has taken it down itself.
"""

from __future__ import annotations

from hashlib import sha1


class Script:
    """A script, and the digest by which Redis knows it once it has seen it."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.digest = sha1(source.encode(), usedforsecurity=False).hexdigest()


SEAT_FIELD = "@"
"""Where in the register the seat's name is; no process is called so."""

# None of it is for the log or for replicas: it counts in this very server only, and writing the
# log to disk would take two thirds of the time of a change. Where that cannot be chosen, so be it.
_VOLATILE = """
pcall(function() redis.set_repl(redis.REPL_NONE) end)
"""

_BEGIN = (
    _VOLATILE
    + """
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
)

SEAT = Script(
    _VOLATILE
    + """
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], '@', ARGV[1])
"""
)

CALL = Script(
    _BEGIN
    + """
local inbox, number = ARGV[2], ARGV[3]
redis.call('PUBLISH', inbox, 'call ' .. number)
"""
)

TAKE = Script(
    _BEGIN
    + """
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
)

# It writes even where nothing changes: a server that was made a replica must refuse it.
RENEW = Script(
    _BEGIN
    + """
local process, lease = ARGV[2], ARGV[3]
if redis.call('HGET', register, process) ~= lease then
  return 0
end
redis.call('HSET', register, process, lease)
return 1
"""
)

RELEASE = Script(
    _BEGIN
    + """
local process, lease = ARGV[2], ARGV[3]
if redis.call('HGET', register, process) == lease then
  redis.call('HDEL', register, process)
end
"""
)

PUT_UP = Script(
    _BEGIN
    + """
local id, tags, lasts_ms, inbox = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
redis.call('HSET', fences, id, string.format('%.0f %s', now_ms() + lasts_ms, tags))
redis.call('PUBLISH', fences, string.format('put_up %s %s %s', id, inbox, tags))
return redis.call('HKEYS', register)
"""
)

REVOKE = Script(
    _BEGIN
    + """
local revoked = '!' .. ARGV[2]
for i = 3, #ARGV do
  if redis.call('HEXISTS', register, ARGV[i]) == 1 then
    redis.call('HSET', register, ARGV[i], revoked)
  end
end
"""
)

STRIKE = Script(
    _BEGIN
    + """
local revoked = '!' .. ARGV[2]
for i = 3, #ARGV do
  if redis.call('HGET', register, ARGV[i]) == revoked then
    redis.call('HDEL', register, ARGV[i])
  end
end
"""
)

LIFT = Script(
    _BEGIN
    + """
local id = ARGV[2]
redis.call('PUBLISH', fences, 'lift ' .. id)
return redis.call('HDEL', fences, id)
"""
)
