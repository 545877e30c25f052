"""Sign-ins as the management API and the pages show them; the rules are ``app.auth.sessions``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from app.auth import sessions
from app.auth.ids import read_id
from app.auth.limits import MANAGEMENT, require_account_use
from app.auth.principal import Principal
from app.errors import NotFound, Unauthenticated
from app.models import Session
from app.registry.listing import Page, PageRequest, slice_page


@dataclass(frozen=True, kw_only=True)
class SessionView:
    """One sign-in; ``current`` is the one by which the caller speaks."""

    id: str
    current: bool
    ip: str
    user_agent: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


def list_sessions(principal: Principal, page: PageRequest) -> Page[SessionView]:
    """Return the caller's living sessions, the oldest first.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the token may not.
    """
    return slice_page(_own(principal, "read"), lambda one: (one.created_at, one.id), page)


def get_session(principal: Principal, session: str) -> SessionView:
    """Return one of the caller's living sessions.

    Raises:
        Unauthenticated: nobody is signed in.
        NotFound: there is none of that id.
        Forbidden: the token may not.
    """
    for one in _own(principal, "read"):
        if one.id == session:
            return one
    raise NotFound


def end_session(
    principal: Principal, session: str, *, check: Callable[[SessionView], None]
) -> None:
    """End one of the caller's sessions.

    Args:
        principal: whose it is.
        session: id.
        check: raises where the session, at that moment, is not what the caller thinks.

    Raises:
        Unauthenticated: nobody is signed in.
        NotFound: there is none of that id.
        Forbidden: the token may not.
    """
    require_account_use(principal, door=MANAGEMENT, action="delete")
    get_session(principal, session)  # Others' are not here, for platform admins neither.
    sessions.end_session(
        principal, read_id(session), check=lambda current: check(_view(current, principal))
    )


def end_current_session(principal: Principal) -> None:
    """End the session by which the caller speaks.

    Raises:
        Unauthenticated: nobody is signed in.
        InvalidInput: they speak by something else.
    """
    if principal.is_anonymous:
        raise Unauthenticated
    sessions.sign_out(principal)


def end_other_sessions(principal: Principal) -> None:
    """End all of the caller's sessions but the one by which they speak.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the token may not.
    """
    for one in _own(principal, "delete"):
        if not one.current:
            sessions.end_session(principal, read_id(one.id))


def _own(principal: Principal, action: str) -> list[SessionView]:
    require_account_use(principal, door=MANAGEMENT, action=action)
    return [_view(one, principal) for one in sessions.list_sessions(principal, principal.user)]


def _view(session: Session, principal: Principal) -> SessionView:
    return SessionView(
        id=str(session.id),
        current=str(session.id) == principal.session_id,
        ip=session.ip,
        user_agent=session.user_agent,
        created_at=session.created_at,
        last_used_at=session.last_used_at,
        expires_at=session.expires_at,
    )
