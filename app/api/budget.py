"""How many management requests one caller may send.

A user is counted wherever they are, an anonymous caller by their address. Signing in is
counted by itself, by the address. Package managers' own requests are not counted here.
"""

from __future__ import annotations

from datetime import timedelta

from app.auth.addresses import counted_place
from app.auth.budgets import Budget
from app.auth.current import current_client, known_principal, note_standing
from app.extensions import settings

_WINDOW = timedelta(minutes=1)


def spend() -> None:
    """Count the request that runs.

    Raises:
        TooManyRequests: its caller has sent too many.
    """
    place = counted_place(current_client().ip)
    if not settings.rate_limit_management or place is None:
        return
    principal = known_principal()
    what = "sign-in" if principal is None else "management"
    user_id = None if principal is None else principal.user_id
    budget = Budget(what=what, most=settings.rate_limit_management, window=_WINDOW)
    standing = budget.spend(place if user_id is None else f"user:{user_id}")
    if standing is not None:
        note_standing(standing)
