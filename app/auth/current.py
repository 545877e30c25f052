"""The caller of the request being served. For views only: use cases are handed theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import g

from app.auth import authentication
from app.auth.budgets import Standing
from app.auth.principal import ClientInfo, Principal


def current_principal() -> Principal:
    """Return who is calling."""
    found: Principal = g.principal
    return found


def known_principal() -> Principal | None:
    """Return who is calling; none in a view that takes anyone, where nobody asked."""
    found: Principal | None = g.get("principal")
    return found


def confirmed_principal() -> Principal:
    """Return who is calling, asked anew.

    For views that begin to act only when a body is there, which may take minutes to come:
    what was revoked meanwhile counts.

    Raises:
        Unauthenticated: the credentials are good no more.
    """
    g.principal = authentication.authenticate(g.credentials, g.client)
    return current_principal()


def current_client() -> ClientInfo:
    """Return where the request came from."""
    found: ClientInfo = g.client
    return found


def note_standing(standing: Standing) -> None:
    """Note what the caller has left of a budget: the answer says so.

    Raises:
        TooManyRequests: nothing.
    """
    g.standing = standing
    standing.require()


def noted_standing() -> Standing | None:
    """Return what was noted; none where the request is not counted."""
    found: Standing | None = g.get("standing")
    return found


View = TypeVar("View", bound=Callable[..., object])


def takes_anyone(view: View) -> View:
    """Mark a view that works whatever credentials came along: pings, sign-ins, health.

    Everywhere else wrong credentials are refused before the view, also on public data.
    """
    view.takes_anyone = True  # type: ignore[attr-defined]  # read by app.http.lifecycle
    return view
