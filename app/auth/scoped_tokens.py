"""Short-lived bearers that name what they are for, as OCI's clients ask for them.

A bearer is a signed note of how its caller proved who they are, and of scopes. It gives no
rights: each request looks at the account, the API token or the session anew (from memory
while that is safe), so it dies with them at once, and with the password that it was given for.

Spec: Docker registry token authentication, "Token"; RFC 7519.
"""

from __future__ import annotations

import hashlib
import hmac
import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
from bson import ObjectId

from app.auth import secrets, sessions, tokens, users
from app.auth.principal import ANONYMOUS, CredentialKind, Principal
from app.errors import Unauthenticated
from app.extensions import coherence
from app.models import ApiToken, User

if TYPE_CHECKING:
    from app.auth.principal import ClientInfo

LIFETIME_SECONDS = 900
"""A client cannot send a body again: less would end within the upload of a large layer."""

_ALGORITHM = "HS256"
_ISSUER = "packhouse"
_AUDIENCE = "packhouse registry"
_CLOCK_SKEW_SECONDS = 60

Scope = tuple[str, str]  # resource, action


@dataclass(frozen=True, kw_only=True)
class ScopedToken:
    """A bearer, and when it was made."""

    secret: str = field(repr=False)
    issued_at: datetime


@dataclass(frozen=True, kw_only=True)
class _Claims:
    """What a bearer says; ``proof`` depends on how its caller proved who they are."""

    kind: CredentialKind
    proof: str
    user_id: ObjectId | None
    scopes: frozenset[Scope]
    expires_at: datetime


def issue(principal: Principal, scopes: Collection[Scope]) -> ScopedToken:
    """Sign a bearer for a caller.

    Args:
        principal: who asks, by any credentials but another bearer.
        scopes: what it will be for; what the caller may is decided when it is used.

    Raises:
        Unauthenticated: they sent another bearer, or what they sent has just ended.
    """
    issued_at = int(time.time())
    claims = {
        "iss": _ISSUER,
        "aud": _AUDIENCE,
        "sub": "" if principal.user_id is None else str(principal.user_id),
        "iat": issued_at,
        "nbf": issued_at,
        "exp": issued_at + LIFETIME_SECONDS,
        "jti": uuid.uuid4().hex,
        "kind": principal.kind.value,
        "proof": _proof(principal),
        "access": sorted(map(list, scopes)),
    }
    return ScopedToken(
        secret=jwt.encode(claims, _key(), algorithm=_ALGORITHM),
        issued_at=datetime.fromtimestamp(issued_at, UTC),
    )


def authenticate(secret: str, client: ClientInfo) -> Principal:
    """Return whom a bearer speaks for, or the access token of a sign-in.

    Raises:
        Unauthenticated: it is neither, has expired, or what it was given for has ended.
        Forbidden: it was given for a token that is not for use from this address.
    """
    digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
    claims = coherence.cached(("scoped bearer", digest), lambda: _load(secret))
    if claims is None:
        return sessions.principal_from(secret)
    coherence.expires_at(claims.expires_at)
    return replace(_principal(claims, client), scopes=claims.scopes)


def _load(secret: str) -> _Claims | None:
    """Check a bearer's signature, which costs more than all else; none for another's token."""
    # Nothing could end what it says, but what depends on nothing is not kept.
    coherence.depends_on("scoped bearers")
    try:
        claims: dict[str, Any] = jwt.decode(
            secret,
            _key(),
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            issuer=_ISSUER,
            leeway=timedelta(seconds=_CLOCK_SKEW_SECONDS),
            options={"require": ["exp", "sub", "kind", "proof", "access"], "verify_exp": False},
        )
    except jwt.InvalidTokenError:
        return None
    found = _Claims(
        kind=CredentialKind(claims["kind"]),
        proof=claims["proof"],
        user_id=ObjectId(claims["sub"]) if claims["sub"] else None,
        scopes=frozenset((resource, action) for resource, action in claims["access"]),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
    )
    if found.expires_at <= datetime.now(UTC):
        raise _refused()
    coherence.expires_at(found.expires_at)
    return found


def _principal(claims: _Claims, client: ClientInfo) -> Principal:
    user_id = claims.user_id
    if user_id is None:
        return ANONYMOUS
    if claims.kind is CredentialKind.TOKEN:
        return tokens.principal_of_digest(claims.proof, client)
    if claims.kind is CredentialKind.SESSION:
        return sessions.principal_of(ObjectId(claims.proof), user_id)
    return coherence.cached(
        ("password bearer", user_id, claims.proof), lambda: _with_password(user_id, claims.proof)
    )


def _with_password(user_id: ObjectId, proof: str) -> Principal:
    coherence.depends_on(users.user_tag(user_id))
    user = users.by_id(user_id)
    if user is None or not user.is_active or not hmac.compare_digest(_password_proof(user), proof):
        raise _refused()
    return users.principal_of(user, CredentialKind.PASSWORD)


def _proof(principal: Principal) -> str:
    """Return what will tell whether the caller's credentials are still good."""
    if principal.scopes is not None:
        raise _refused()
    if principal.user_id is None:
        return ""
    if principal.kind is CredentialKind.SESSION:
        return str(principal.session_id)
    if principal.kind is CredentialKind.TOKEN:
        token = ApiToken.objects(id=principal.token_id, revoked_at=None).only("digest").first()
        if token is None:
            raise _refused()
        return str(token.digest)
    user = users.by_id(principal.user)
    if user is None:
        raise _refused()
    return _password_proof(user)


def _password_proof(user: User) -> str:
    return hmac.digest(_key(), str(user.password_hash).encode(), "sha256").hex()


def _key() -> bytes:
    return secrets.derived_key("scoped bearer")


def _refused() -> Unauthenticated:
    return Unauthenticated("The token has expired or is not valid.", wrong_credentials=True)
