"""How many requests one package manager's user may send: for metadata, and for downloads.

Each web process counts for itself, with no round trip: a hot read takes 25 microseconds of
its time, and asking Redis would take several times that. So a caller with connections to
several processes gets up to as many times the budget.
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple

from app.auth.addresses import place_outside
from app.auth.budgets import Budget, LocalBudget, Standing
from app.http.addresses import Addresses, WsgiEnvironment

if TYPE_CHECKING:
    from config.settings import Settings

STANDING = "packhouse.standing"
"""Where a request that is refused before Flask is entered says so to those who render that."""
USE = "packhouse.use"

_WINDOW = timedelta(minutes=1)
_MOST_PLACES = 10_000


class Use(NamedTuple):
    """What a request is counted as.

    Attributes:
        is_download: of an artifact; all else is metadata.
        user: whose budget it is, wherever they are; empty for the address's.
    """

    is_download: bool
    user: str


class Traffic:
    """The budgets of a web process."""

    def __init__(self, settings: Settings, addresses: Addresses) -> None:
        self._budgets = {
            False: _local("metadata", settings.rate_limit_metadata),
            True: _local("downloads", settings.rate_limit_downloads),
        }
        self._addresses = addresses
        self._exempt = settings.rate_limit_exempt_networks
        self._place = lru_cache(_MOST_PLACES)(partial(place_outside, self._exempt))

    def spend(self, use: Use, environ: WsgiEnvironment) -> Standing | None:
        """Count one request.

        Returns:
            What its caller has left; none where they are not counted.
        """
        budget = self._budgets[use.is_download]
        if budget is None:
            return None
        if use.user and not self._exempt:  # nobody asks for the address
            return budget.spend(use.user)
        place = self._place(self._addresses.client(environ))
        return None if place is None else budget.spend(use.user or place)


def _local(what: str, most: int) -> LocalBudget | None:
    return LocalBudget(Budget(what=what, most=most, window=_WINDOW)) if most else None
