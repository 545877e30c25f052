"""The short-lived tokens of a sign-in: JSON Web Tokens, HS256, signed with ``JWT_SECRET``.

An access token names a session and its user. A refresh token also names the generation
of the session's refresh tokens that it belongs to, so that one that was used is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bson import ObjectId
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    decode_token,
)
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt.exceptions import PyJWTError

from app.errors import Unauthenticated
from config.settings import SettingsError

if TYPE_CHECKING:
    from flask import Flask

    from config.settings import Settings

ISSUER = "packhouse"

_ALGORITHM = "HS256"
_ACCESS = "access"
_REFRESH = "refresh"


@dataclass(frozen=True, kw_only=True)
class AccessClaims:
    """Whom an access token speaks for, and until when."""

    user_id: ObjectId
    session_id: ObjectId
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class RefreshClaims:
    """What a refresh token renews."""

    user_id: ObjectId
    session_id: ObjectId
    generation: int


def install(app: Flask, settings: Settings) -> None:
    """Set up signing for this app.

    Raises:
        SettingsError: there is no secret to sign with.
    """
    secret = settings.jwt_secret.get_secret_value()
    if not secret:
        raise SettingsError("JWT_SECRET: set it to a long random value of your own.")
    app.config.update(
        JWT_SECRET_KEY=secret,
        JWT_ALGORITHM=_ALGORITHM,
        JWT_DECODE_ALGORITHMS=[_ALGORITHM],
        JWT_ENCODE_ISSUER=ISSUER,
        JWT_DECODE_ISSUER=ISSUER,
        JWT_ENCODE_AUDIENCE=ISSUER,
        JWT_DECODE_AUDIENCE=ISSUER,
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(minutes=settings.access_token_minutes),
        JWT_REFRESH_TOKEN_EXPIRES=timedelta(days=settings.refresh_token_days),
    )
    JWTManager(app)


def issue_access(*, user_id: ObjectId, session_id: ObjectId) -> str:
    """Sign an access token; it lasts ``ACCESS_TOKEN_MINUTES``."""
    token: str = create_access_token(str(user_id), additional_claims={"sid": str(session_id)})
    return token


def issue_refresh(claims: RefreshClaims) -> str:
    """Sign a refresh token; it lasts ``REFRESH_TOKEN_DAYS``."""
    token: str = create_refresh_token(
        str(claims.user_id),
        additional_claims={"sid": str(claims.session_id), "gen": claims.generation},
    )
    return token


def read_access(token: str) -> AccessClaims:
    """Check an access token's signature, time, issuer, audience and type.

    Raises:
        Unauthenticated: any of them is wrong.
    """
    claims = _read(token, _ACCESS)
    if "exp" not in claims:
        raise _refused()
    return AccessClaims(
        user_id=_id(claims, "sub"),
        session_id=_id(claims, "sid"),
        expires_at=datetime.fromtimestamp(int(claims["exp"]), UTC),
    )


def read_refresh(token: str) -> RefreshClaims:
    """Check a refresh token in the same way.

    Raises:
        Unauthenticated: it is none, or not good any more.
    """
    claims = _read(token, _REFRESH)
    generation = claims.get("gen")
    if not isinstance(generation, int):
        raise _refused()
    return RefreshClaims(
        user_id=_id(claims, "sub"), session_id=_id(claims, "sid"), generation=generation
    )


def _read(token: str, kind: str) -> dict[str, Any]:  # JSON of the token: any values
    try:
        claims: dict[str, Any] = decode_token(token)
    except (PyJWTError, JWTExtendedException, ValueError) as error:
        raise _refused() from error
    if claims["type"] != kind:
        raise _refused()
    return claims


def _id(claims: dict[str, Any], name: str) -> ObjectId:
    text = claims.get(name)
    if not isinstance(text, str) or not ObjectId.is_valid(text):
        raise _refused()
    return ObjectId(text)


def _refused() -> Unauthenticated:
    return Unauthenticated(
        "The sign-in has expired or is not valid. Sign in again.", wrong_credentials=True
    )
