"""How soon a part that died is started again."""

from __future__ import annotations

_STEADY_SECONDS = 60.0
_LONGEST_DELAY_SECONDS = 60.0


class Backoff:
    """Delays of 0, 1, 3, 7 … seconds, at most 60; from the start again after a steady minute.

    So a part that cannot live costs one start a minute, and its log stays readable.
    """

    def __init__(self) -> None:
        self._deaths_in_a_row = 0

    def delay_after(self, ran_seconds: float) -> float:
        """Return the delay in seconds, after a death at this age."""
        if ran_seconds > _STEADY_SECONDS:
            self._deaths_in_a_row = 0
        delay = min(2.0**self._deaths_in_a_row - 1, _LONGEST_DELAY_SECONDS)
        self._deaths_in_a_row += 1
        return delay
