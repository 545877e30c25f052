"""Sign-ins: begun with a password, renewed with a refresh token, ended by their owner."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from app import audit
from app.auth import ids, local_accounts, signed_tokens, users
from app.auth.administration import require_self_or_admin
from app.auth.principal import CredentialKind, Principal
from app.auth.signed_tokens import RefreshClaims
from app.errors import InvalidInput, NotFound, Unauthenticated
from app.extensions import coherence, settings
from app.models import Session, User, in_transaction
from app.models.fields import now

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bson import ObjectId
    from flask import Flask

    from app.auth.principal import ClientInfo
    from config.settings import Settings

SHARED_SECONDS = 30  # the tabs of a browser that wakes up are reloaded within this


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """What a client gets that signed in; ``expires_in`` is the access token's, in seconds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    user: User


def install(app: Flask, settings: Settings) -> None:
    """Set up sign-ins for this app.

    Raises:
        SettingsError: there is no secret to sign with.
    """
    signed_tokens.install(app, settings)


def sign_in(identifier: str, password: str, client: ClientInfo) -> SignIn:
    """Begin a session for whom an e-mail address or username and a password belong to.

    Raises:
        Unauthenticated: the account or the password is wrong.
        TooManyRequests: too many attempts failed.
    """
    return begin(local_accounts.check(identifier, password, client, method="login"), client)


def begin(user: User, client: ClientInfo) -> SignIn:
    """Begin a session for a user who has just proved who they are.

    Raises:
        Unauthenticated: the account was closed, or its password changed, since ``user``
            was read.
    """

    def work() -> Session:
        moment = now()
        # Writing to the user's row makes this and a change of the password exclude each
        # other: a session begun with the old one must not outlive the change.
        seen = User.objects(id=user.id, is_active=True, password_hash=user.password_hash)
        if not seen.update_one(set__last_signed_in_at=moment):
            raise Unauthenticated("Sign in again.", wrong_credentials=True)
        session: Session = Session(
            user=user.id,
            created_at=moment,
            last_used_at=moment,
            expires_at=_expiry(moment),
            ip=client.ip,
            user_agent=client.user_agent,
        ).save(force_insert=True)
        audit.record(
            audit.AuditAction.AUTH_LOGIN,
            actor=users.principal_of(user, CredentialKind.SESSION).actor,
            resource=_resource(session.id),
        )
        return session

    # No fence: no answer in memory can be about a session that did not exist.
    return _sign_in(in_transaction(work), user)


def refresh(refresh_token: str, client: ClientInfo, *, is_shared: bool = False) -> SignIn:
    """Renew a session, and use the refresh token up.

    One that was used before is stolen or replayed: it ends the session, whoever holds it.

    Args:
        refresh_token: of the session.
        client: whose it is from now on.
        is_shared: several hold the token, as the tabs of a browser do. Used up by one of
            them less than ``SHARED_SECONDS`` ago, it still gives the others what that one
            got.

    Raises:
        Unauthenticated: the token or its session is not good any more.
    """
    claims = signed_tokens.read_refresh(refresh_token)
    moment = now()
    # Atomic: of two requests with the same token one renews, the other ends the session.
    session = Session.objects(
        id=claims.session_id,
        user=claims.user_id,
        refresh_generation=claims.generation,
        ended_at=None,
        expires_at__gt=moment,
    ).modify(
        new=True,
        inc__refresh_generation=1,
        set__last_used_at=moment,
        set__expires_at=_expiry(moment),
        set__ip=client.ip,
        set__user_agent=client.user_agent,
    )
    if session is None and is_shared:
        session = _just_renewed(claims, moment)
    user = users.by_id(claims.user_id)
    if session is None or user is None or not user.is_active:
        _end_if_replayed(claims)
        raise _ended()
    return _sign_in(session, user)


def principal_from(access_token: str) -> Principal:
    """Return whom an access token speaks for; its session must be alive.

    Raises:
        Unauthenticated: the token is not good any more, or the session was ended.
    """
    digest = hashlib.sha256(access_token.encode("utf-8", "surrogatepass")).digest()
    return coherence.cached(("session", digest), lambda: _load(access_token))


def principal_of(session_id: ObjectId, user_id: ObjectId) -> Principal:
    """Return whom a session speaks for.

    Raises:
        Unauthenticated: it was ended.
    """
    key = ("living session", session_id, user_id)
    return coherence.cached(key, lambda: _read_living(session_id, user_id))


def sign_out(principal: Principal) -> None:
    """End the session that the caller speaks in.

    Raises:
        InvalidInput: they do not speak in one.
    """
    if principal.session_id is None:
        raise InvalidInput("You are not signed in with a session. Revoke the token instead.")
    _end(principal, ids.read_id(principal.session_id), audit.AuditAction.AUTH_LOGOUT)


def list_sessions(principal: Principal, user_id: ObjectId) -> list[Session]:
    """Return a user's living sessions, the newest first.

    Raises:
        NotFound: the user is neither the caller, nor the caller a platform admin.
    """
    require_self_or_admin(principal, user_id, "read")
    living = Session.objects(user=user_id, ended_at=None, expires_at__gt=now())
    return list(living.order_by("-created_at", "-id"))


def end_session(
    principal: Principal,
    session_id: ObjectId,
    *,
    check: Callable[[Session], None] = lambda _session: None,
) -> None:
    """End a session of one's own, or anybody's as a platform admin.

    Args:
        principal: who asks.
        session_id: of the session to end.
        check: raises where it, at that moment, is not what the caller thinks.

    Raises:
        NotFound: there is no such living session for the caller.
    """
    session = Session.objects(id=session_id).first()
    if session is None:
        raise NotFound
    require_self_or_admin(principal, session.user.id, "delete")
    _end(principal, session_id, audit.AuditAction.SESSION_REVOKE, check)


def _load(access_token: str) -> Principal:
    """Check a token; checking its signature costs more than all else that a request needs."""
    claims = signed_tokens.read_access(access_token)
    coherence.expires_at(claims.expires_at)
    return _read_living(claims.session_id, claims.user_id)


def _read_living(session_id: ObjectId, user_id: ObjectId) -> Principal:
    coherence.depends_on(f"session:{session_id}", users.user_tag(user_id))
    session = Session.objects(id=session_id, user=user_id, ended_at=None).first()
    user = users.by_id(user_id)
    if session is None or session.expires_at <= now() or user is None or not user.is_active:
        raise _ended()
    coherence.expires_at(session.expires_at)
    return users.principal_of(user, CredentialKind.SESSION, session_id=session.id)


def _end(
    principal: Principal,
    session_id: ObjectId,
    action: audit.AuditAction,
    check: Callable[[Session], None] = lambda _session: None,
) -> None:
    def work() -> None:
        living = Session.objects(id=session_id, ended_at=None).first()
        if living is None:
            raise NotFound
        check(living)
        living.ended_at = now()
        living.save()
        audit.record(action, actor=principal.actor, resource=_resource(session_id))

    coherence.change({f"session:{session_id}"}, lambda: in_transaction(work))


def _just_renewed(claims: RefreshClaims, moment: datetime) -> Session | None:
    """Return the session whose refresh token this was until it was renewed just now."""
    found: Session | None = Session.objects(
        id=claims.session_id,
        user=claims.user_id,
        refresh_generation=claims.generation + 1,
        ended_at=None,
        expires_at__gt=moment,
        last_used_at__gt=moment - timedelta(seconds=SHARED_SECONDS),
    ).first()
    return found


def _end_if_replayed(claims: RefreshClaims) -> None:
    def work() -> None:
        replayed = Session.objects(
            id=claims.session_id,
            user=claims.user_id,
            refresh_generation__gt=claims.generation,
            ended_at=None,
        )
        if replayed.update_one(set__ended_at=now()):
            audit.record(
                audit.AuditAction.AUTH_REFRESH_REUSE,
                actor=audit.ANONYMOUS,
                resource=_resource(claims.session_id),
                result=audit.Result.DENIED,
                details={"user": str(claims.user_id)},
            )

    coherence.change({f"session:{claims.session_id}"}, lambda: in_transaction(work))


def _sign_in(session: Session, user: User) -> SignIn:
    return SignIn(
        access_token=signed_tokens.issue_access(user_id=user.id, session_id=session.id),
        refresh_token=signed_tokens.issue_refresh(
            RefreshClaims(
                user_id=user.id,
                session_id=session.id,
                generation=session.refresh_generation,
            )
        ),
        expires_in=settings.access_token_minutes * 60,
        user=user,
    )


def _expiry(moment: datetime) -> datetime:
    return moment + timedelta(days=settings.refresh_token_days)


def _resource(session_id: ObjectId) -> audit.Resource:
    return audit.Resource(type="session", id=str(session_id))


def _ended() -> Unauthenticated:
    return Unauthenticated("The sign-in has ended. Sign in again.", wrong_credentials=True)
