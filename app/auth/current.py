"""The caller of the request being served. For views only: use cases are handed theirs."""

from __future__ import annotations

from flask import g

from app.auth.principal import ClientInfo, Principal


def current_principal() -> Principal:
    """Return who is calling."""
    found: Principal = g.principal
    return found


def current_client() -> ClientInfo:
    """Return where the request came from."""
    found: ClientInfo = g.client
    return found
