"""From what a request carried to its Principal: the one door for all protocols."""

from __future__ import annotations

import binascii
import re

import pybase64

from app.auth import basic, scoped_tokens, sessions, token_format, tokens
from app.auth.principal import (
    ANONYMOUS,
    ClientInfo,
    Credentials,
    CredentialScheme,
    Principal,
)
from app.errors import Unauthenticated

_BARE = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # RFC 7235's token68
_WITH_SCHEME = re.compile(rf"([A-Za-z]+) +({_BARE.pattern})")
_BEARER_SCHEMES = frozenset({"bearer", "token"})
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")


def authenticate(credentials: Credentials | None, client: ClientInfo) -> Principal:
    """Return who is calling; without credentials that is the anonymous caller.

    Raises:
        Unauthenticated: the credentials are wrong, which is a 401 on public data too.
        Forbidden: a token that is not for use from this address.
        TooManyRequests: too many attempts with a password failed.
    """
    if credentials is None:
        return ANONYMOUS
    if credentials.scheme is CredentialScheme.BASIC:
        return basic.authenticate(credentials, client)
    if token_format.is_token_like(credentials.secret):
        return tokens.authenticate(credentials.secret, client)
    if credentials.scheme is CredentialScheme.SCOPED:
        return scoped_tokens.authenticate(credentials.secret, client)
    return sessions.principal_from(credentials.secret)


def read_authorization_header(value: str | None) -> Credentials | None:
    """Read an ``Authorization`` header.

    ``Bearer`` and ``token`` with a token, ``Basic``, and a bare token, as Cargo and gem send
    it. Nothing else is taken for anonymous: a client that sends credentials wants to be
    known.

    Spec: RFC 7235 "Credentials", RFC 7617.

    Args:
        value: as WSGI gives it; none where the request has no such header.

    Raises:
        Unauthenticated: it is in none of these forms.
    """
    if value is None:
        return None
    text = value.strip(" \t")
    if _BARE.fullmatch(text):
        return Credentials(scheme=CredentialScheme.BEARER, secret=text)
    match = _WITH_SCHEME.fullmatch(text)
    if match is None:
        raise _malformed()
    scheme, secret = match[1].lower(), match[2]
    if scheme in _BEARER_SCHEMES:
        return Credentials(scheme=CredentialScheme.BEARER, secret=secret)
    if scheme == "basic":
        return _read_basic(secret)
    raise _malformed()


def _read_basic(encoded: str) -> Credentials:
    try:
        raw = pybase64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise _malformed() from error
    username, separator, password = _decode(raw).partition(":")
    if not separator or _CONTROL_CHARACTER.search(username + password):
        raise _malformed()
    return Credentials(scheme=CredentialScheme.BASIC, username=username, secret=password)


def _decode(raw: bytes) -> str:
    """Decode UTF-8, or Latin-1, in which requests (pip, twine) sends what is not ASCII."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _malformed() -> Unauthenticated:
    return Unauthenticated("The Authorization header cannot be read.", wrong_credentials=True)
