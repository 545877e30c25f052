"""How often something may be done by one caller: counted in Redis, for all processes together.

A budget is spent in windows that begin with the first request in them. Without Redis nothing
is counted and nothing refused: these limits protect from floods, not from intruders.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import structlog
from redis.exceptions import RedisError

from app.errors import TooManyRequests
from app.extensions import redis, settings

if TYPE_CHECKING:
    from datetime import timedelta

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
        return Standing(budget=self, used=int(used), resets_in_seconds=ceil(int(left_ms) / 1000))


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What one caller has used of a budget, the present request included."""

    budget: Budget
    used: int
    resets_in_seconds: int

    @property
    def left(self) -> int:
        """Return how often they may do it until the window ends."""
        return max(0, self.budget.most - self.used)

    def require(self) -> None:
        """Make sure that the present request is within the budget.

        Raises:
            TooManyRequests: it is not; with the seconds to wait.
        """
        if self.used > self.budget.most:
            raise TooManyRequests(
                f"Too many requests for {self.budget.what}. Try again in "
                f"{self.resets_in_seconds} seconds.",
                retry_after_seconds=self.resets_in_seconds,
            )
