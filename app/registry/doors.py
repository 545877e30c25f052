"""What a token may be used for at all, before anything is looked at."""

from __future__ import annotations

from app.auth.limits import MANAGEMENT, why_outside
from app.auth.principal import Principal
from app.errors import Forbidden


def require_door(principal: Principal, *, action: str, door: str = MANAGEMENT) -> None:
    """Make sure that a token may be used here; sign-ins, passwords and nobody always may.

    For lists, which show item by item what the caller may see, and for what belongs to the
    caller. All else is decided by ``access``, which looks at this too.

    Args:
        principal: who asks.
        action: ``read``, ``write`` or ``delete``.
        door: the way in.

    Raises:
        Forbidden: the sentence names the limit.
    """
    reason = why_outside(principal.limits, door=door, action=action)
    if reason is not None:
        raise Forbidden(reason)
