"""Signing a command-line client in through a browser (npm's web login).

The client starts it and gets two secrets: an id that it opens in a browser, and one with
which it asks, again and again, whether someone there has approved. Neither is enough
alone, and the token is made only when the client collects it, so none is ever stored.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.auth import tokens, users
from app.auth.addresses import counted_place, place_of, read_address
from app.auth.budgets import Budget
from app.auth.principal import CredentialKind, TokenLimits
from app.auth.token_rules import LOGIN, LONGEST_NAME, TokenSpec
from app.errors import Forbidden, NotFound, Unauthenticated
from app.models import DeviceLogin
from app.models.fields import now

if TYPE_CHECKING:
    from mongoengine import QuerySet

    from app.auth.principal import ClientInfo, Principal
    from app.auth.tokens import IssuedToken

LIFETIME = timedelta(minutes=10)
POLL_SECONDS = 2
MOST_FROM_AN_ADDRESS = 60  # within a lifetime, so also the most that wait

_SECRET_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class StartedLogin:
    """What the client gets: ``public_id`` goes to the browser, ``poll_secret`` stays with it."""

    public_id: str
    poll_secret: str = field(repr=False)
    expires_at: datetime


def start(protocol: str, client: ClientInfo) -> StartedLogin:
    """Begin a sign-in for a client of this protocol; nobody needs to be signed in.

    Raises:
        TooManyRequests: too many were begun from this address.
    """
    _require_few(client)
    started = StartedLogin(
        public_id=secrets.token_urlsafe(_SECRET_BYTES),
        poll_secret=secrets.token_urlsafe(_SECRET_BYTES),
        expires_at=now() + LIFETIME,
    )
    DeviceLogin(
        public_id=started.public_id,
        poll_digest=_digest(started.poll_secret),
        protocol=protocol,
        ip=client.ip,
        client=client.user_agent,
        expires_at=started.expires_at,
    ).save(force_insert=True)
    return started


def _require_few(client: ClientInfo) -> None:
    place = counted_place(client.ip)
    budget = Budget(what="sign-ins in a browser", most=MOST_FROM_AN_ADDRESS, window=LIFETIME)
    standing = None if place is None else budget.spend(place)
    if standing is not None:
        standing.require()


def pending(public_id: str) -> DeviceLogin:
    """Return a sign-in that waits for approval: the page shows its address and client.

    Raises:
        NotFound: there is none, or it is decided or expired.
    """
    login = _undecided(public_id).first()
    if login is None:
        raise _gone()
    found: DeviceLogin = login
    return found


def is_elsewhere(login: DeviceLogin, client: ClientInfo) -> bool:
    """Say whether a sign-in was started at another place than where it is looked at.

    Somebody may have started it, and sent its page to who is to approve it.
    """
    started_at: str = login.ip
    there, here = read_address(started_at), read_address(client.ip)
    if there is None or here is None:
        return started_at != client.ip
    return place_of(there) != place_of(here)


def approve(principal: Principal, public_id: str) -> None:
    """Let the client have a token of the caller's.

    Args:
        principal: signed in, not by a token: it would make one that may more than itself.
        public_id: from the page's address.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the caller uses a token.
        NotFound: there is no such sign-in, or it is decided or expired.
    """
    _require_person(principal)
    if not _undecided(public_id).update_one(set__approved_by=principal.user):
        raise _gone()


def deny(principal: Principal, public_id: str) -> None:
    """Turn the client away.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the caller uses a token.
        NotFound: there is no such sign-in, or it is decided or expired.
    """
    _require_person(principal)
    if not _undecided(public_id).update_one(set__is_denied=True):
        raise _gone()


def collect(poll_secret: str) -> IssuedToken | None:
    """Return the token if the sign-in was approved, once; none while nobody has decided.

    The token is good for the protocol that the client speaks.

    Raises:
        Forbidden: it was denied.
        NotFound: there is no such sign-in, or it was collected, or has expired.
    """
    asked = DeviceLogin.objects(poll_digest=_digest(poll_secret), expires_at__gt=now())
    # Deleting is what makes it single-use: of two clients that ask at once, one gets it.
    decided = asked.filter(__raw__={"$or": [{"approved_by": {"$ne": None}}, {"is_denied": True}]})
    login = decided.modify(remove=True)
    if login is None:
        if asked.first() is None:
            raise _gone()
        return None
    if login.is_denied:
        raise Forbidden("The sign-in was turned down in the browser.")
    owner = users.by_id(login.approved_by.id)
    if owner is None or not owner.is_active:
        raise _gone()
    spec = TokenSpec(
        name=f"{login.protocol} login, {login.client or 'unknown client'}"[:LONGEST_NAME],
        limits=TokenLimits(protocols=frozenset({login.protocol})),
        kind=LOGIN,
    )
    actor = users.principal_of(owner, CredentialKind.SESSION).actor
    return tokens.issue(owner.id, spec, actor=actor)


def _undecided(public_id: str) -> QuerySet:
    return DeviceLogin.objects(
        public_id=public_id, approved_by=None, is_denied=False, expires_at__gt=now()
    )


def _require_person(principal: Principal) -> None:
    if principal.is_anonymous:
        raise Unauthenticated
    if principal.kind is CredentialKind.TOKEN:
        raise Forbidden("A token cannot approve a sign-in. Sign in with your password.")


def _digest(poll_secret: str) -> str:
    return hashlib.sha256(poll_secret.encode("utf-8", "surrogatepass")).hexdigest()


def _gone() -> NotFound:
    return NotFound("This sign-in is not known, or has expired. Start it again.")
