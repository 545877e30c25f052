"""What is known of the request in which something happens."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RequestFacts:
    """Where a request came from; all empty in tasks and commands."""

    ip: str = ""
    user_agent: str = ""
    request_id: str = ""


_NO_REQUEST = RequestFacts()
_current: ContextVar[RequestFacts] = ContextVar("audit_request", default=_NO_REQUEST)


def bind_request(*, ip: str, user_agent: str, request_id: str) -> None:
    """Say what the events of this request carry. Each request binds its own, first thing."""
    _current.set(RequestFacts(ip=ip, user_agent=user_agent, request_id=request_id))


def unbind_request() -> None:
    """Forget the request when it is over: what follows in this thread is no part of it."""
    _current.set(_NO_REQUEST)


def current_request() -> RequestFacts:
    """Return what is known of the request that runs."""
    return _current.get()
