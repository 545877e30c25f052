"""How often something may be done by one caller.

A :class:`Budget` is counted in Redis, for all processes together, and spent in windows that
begin with the first request in them. A :class:`LocalBudget` is counted by each process for
itself, for what is done too often to ask anybody. These limits protect from floods, not from
intruders: where nothing can be counted nothing is refused.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import structlog
from redis.exceptions import RedisError

from app.errors import TooManyRequests
from app.extensions import redis, settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

_ROUNDING = 1e-6  # of one request: sums of floating-point moments are not exact

log = structlog.get_logger(__name__)

# ARGV: the milliseconds of a window. Returns how often in this one, and what is left of it.
_SPEND = """
local used = redis.call('INCR', KEYS[1])
if used == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {used, redis.call('PTTL', KEYS[1])}
"""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How often one caller may do something.

    Attributes:
        what: is done, in words; the key in Redis and the refusal are made of it.
        most: times in one window.
        window: from the first time on.
    """

    what: str
    most: int
    window: timedelta

    @cached_property
    def policy(self) -> str:
        """Return what answers say of it, in the words of ``RateLimit-Policy``."""
        return f'"{self.what}";q={self.most};w={round(self.window.total_seconds())}'

    def spend(self, who: str) -> Standing | None:
        """Count one time.

        Args:
            who: does it: an address, a user.

        Returns:
            What is left; none where nothing could be counted.
        """
        key = f"{settings.redis_prefix}budget:{self.what.replace(' ', '-')}:{who}"
        try:
            used, left_ms = redis.eval(_SPEND, 1, key, round(self.window.total_seconds() * 1000))
        except RedisError as error:
            log.warning("budget.unavailable", error=type(error).__name__)
            return None
        resets_in_seconds = ceil(int(left_ms) / 1000)
        return Standing(
            budget=self,
            left=max(0, self.most - int(used)),
            resets_in_seconds=resets_in_seconds,
            wait_seconds=resets_in_seconds if int(used) > self.most else 0,
        )


class LocalBudget:
    """A budget that each process counts for itself.

    A caller may spend all of it at once; it comes back evenly, one time after the other, so
    that who was refused need not wait for a whole window.

    Spec: the generic cell rate algorithm (ITU-T I.371), as virtual scheduling.
    """

    def __init__(
        self,
        budget: Budget,
        *,
        clock: Callable[[], float] = time.monotonic,
        most_callers: int = 100_000,
    ) -> None:
        """Begin with everybody's budget whole.

        Args:
            budget: at least one time in a window.
            clock: seconds.
            most_callers: that are counted apart. Beyond that all begin anew: there are more
                addresses than memory.
        """
        self._budget = budget
        self._clock = clock
        self._most_callers = most_callers
        self._window = budget.window.total_seconds()
        self._seconds_each = self._window / budget.most
        self._whole_at: dict[str, float] = {}  # when a caller's budget will be whole again

    def spend(self, who: str) -> Standing:
        """Count one time, and return what is left; what is refused is not counted."""
        now = self._clock()
        whole_at = max(self._whole_at.get(who, now), now)
        times_spent = (whole_at - now) / self._seconds_each + 1
        times_over = times_spent - self._budget.most
        if times_over > _ROUNDING:
            wait_seconds = max(1, ceil(times_over * self._seconds_each))
        else:
            wait_seconds = 0
            whole_at += self._seconds_each
            self._keep(who, whole_at, now)
        return Standing(
            budget=self._budget,
            left=max(0, int(_ROUNDING - times_over)),
            resets_in_seconds=ceil(whole_at - now),
            wait_seconds=wait_seconds,
        )

    def _keep(self, who: str, whole_at: float, now: float) -> None:
        self._whole_at[who] = whole_at
        if len(self._whole_at) > self._most_callers:
            self._whole_at = {one: at for one, at in self._whole_at.items() if at > now}
        if len(self._whole_at) > self._most_callers:
            self._whole_at.clear()


class Standing(NamedTuple):
    """What one caller has left of a budget, the present request counted.

    Attributes:
        budget: that is spent.
        left: how often they may still do it now.
        resets_in_seconds: until they may do it as often as ever.
        wait_seconds: until they may do it again; 0 where the present request is within.
    """

    budget: Budget
    left: int
    resets_in_seconds: int
    wait_seconds: int

    def require(self) -> None:
        """Make sure that the present request is within the budget.

        Raises:
            TooManyRequests: it is not; with the seconds to wait.
        """
        if self.wait_seconds:
            raise TooManyRequests(
                f"Too many requests for {self.budget.what}. Try again in "
                f"{self.wait_seconds} seconds.",
                retry_after_seconds=self.wait_seconds,
            )

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return what an answer says of it.

        Spec: draft-ietf-httpapi-ratelimit-headers-10.
        """
        budget = self.budget
        return (
            ("RateLimit-Policy", budget.policy),
            ("RateLimit", f'"{budget.what}";r={self.left};t={self.resets_in_seconds}'),
        )
