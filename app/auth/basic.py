"""Basic authentication in all the forms that package clients use.

``email:password``, ``username:password``, ``anything:token``, and a token as the username
with an empty password or ``x``, as clients send it that know a single credential only.

Clients send Basic with every request, and a password takes a good part of a second to
check, so a right one is remembered for a minute: as a keyed hash in Redis, made of the
password and of what is kept of it. Each request still reads the account, so a closed one
is refused at once, and a changed password is remembered under no key that the old one
leads to. Where an attempt has to wait, a remembered password waits as well.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

import structlog
from redis.exceptions import RedisError

from app.auth import local_accounts, secrets, throttle, token_format, tokens, users
from app.auth.principal import CredentialKind
from app.errors import Unauthenticated
from app.extensions import coherence, redis, settings
from app.models.fields import now

if TYPE_CHECKING:
    from app.auth.principal import ClientInfo, Credentials, Principal
    from app.auth.users import Account
    from app.models import User

REMEMBERED_SECONDS = 60

_TOKEN_USERNAME = "__token__"  # noqa: S105  as clients of PyPI say it
_NO_PASSWORD = frozenset({"", "x", "x-oauth-basic"})

log = structlog.get_logger(__name__)


def authenticate(credentials: Credentials, client: ClientInfo) -> Principal:
    """Return whom Basic credentials speak for.

    Raises:
        Unauthenticated: they are wrong.
        TooManyRequests: too many attempts with a password failed.
    """
    token = _token_in(credentials)
    if token is not None:
        return tokens.authenticate(token, client)
    identifier, password = credentials.username, credentials.secret
    if identifier == _TOKEN_USERNAME:
        # Nobody can be called so: no attempt at a password, which would make others wait.
        raise Unauthenticated(
            f"With {_TOKEN_USERNAME} as the username, the password is an API token, which begins "
            f"with {token_format.PREFIX}. What was sent is none.",
            wrong_credentials=True,
        )
    if not identifier or not password:
        raise Unauthenticated("Incorrect username or password.", wrong_credentials=True)
    # No whole answer is kept in memory under a password: it would outlive the minute, and
    # whether the account has to wait depends on the address.
    coherence.expires_at(now())
    account = users.account_of(identifier)
    is_remembered = _is_remembered(account, password)
    if account is not None and account.is_active and is_remembered:
        throttle.admit_right(identifier, password, client)
        return users.principal_of(account, CredentialKind.PASSWORD)
    user = local_accounts.check(identifier, password, client, method="basic")
    _remember(user, password)
    return users.principal_of(user, CredentialKind.PASSWORD)


def _token_in(credentials: Credentials) -> str | None:
    if token_format.is_token_like(credentials.secret):
        return credentials.secret
    if token_format.is_token_like(credentials.username) and credentials.secret in _NO_PASSWORD:
        return credentials.username
    return None


def _is_remembered(account: Account | None, password: str) -> bool:
    """Ask for unknown accounts too: that takes as long, and tells nothing."""
    try:
        return bool(redis.exists(_key(account, password)))
    except RedisError as error:
        log.warning("basic.memory_unavailable", error=type(error).__name__)
        return False


def _remember(user: User, password: str) -> None:
    try:
        redis.set(_key(user, password), b"", ex=REMEMBERED_SECONDS)
    except RedisError as error:
        log.warning("basic.memory_unavailable", error=type(error).__name__)


def _key(account: Account | User | None, password: str) -> str:
    kept = "" if account is None else f"{account.id}\0{account.password_hash}"
    made_of = f"{kept}\0{password}".encode("utf-8", "surrogatepass")
    digest = hmac.digest(secrets.derived_key("remembered password"), made_of, "sha256").hex()
    return f"{settings.redis_prefix}basic:{digest}"
