"""Who an e-mail address or username and a password belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import audit
from app.auth import passwords, throttle, users
from app.auth.throttle import Outcome
from app.errors import Unauthenticated
from app.models import User

if TYPE_CHECKING:
    from app.auth.principal import ClientInfo
    from app.auth.users import Account


def check(identifier: str, password: str, client: ClientInfo, *, method: str) -> User:
    """Return the active user whose password this is.

    Whatever is wrong, the answer and the time that it takes are the same. A failure is
    audited, and counted against the account at this address. A password that was kept
    with fewer iterations than new ones get is kept anew.

    Args:
        identifier: e-mail address or username, as typed.
        password: as typed.
        client: whose address counts.
        method: how it came, for the audit: ``login``, ``basic``…

    Raises:
        Unauthenticated: wrong, unknown, closed, or an account without a password.
        TooManyRequests: too many attempts failed; the password was not looked at.
        Unavailable: too many others are signing in.
    """
    attempt = throttle.admit(identifier, password, client)
    outcome = Outcome.UNKNOWN
    try:
        account = users.account_of(identifier)
        kept = account.password_hash if account is not None and account.is_active else ""
        outcome = Outcome.RIGHT if passwords.verify(password, kept) else Outcome.WRONG
    finally:
        delay_seconds = throttle.settle(attempt, outcome)
    if account is None or outcome is Outcome.WRONG:
        _record_failure(account, method, delay_seconds)
        raise _incorrect()
    user = users.by_id(account.id)
    if user is None or not user.is_active or user.password_hash != kept:  # since just now
        raise _incorrect()
    _upgrade(user, password)
    return user


def _upgrade(user: User, password: str) -> None:
    if not passwords.needs_upgrade(user.password_hash):
        return
    renewed = passwords.hash_password(password)
    # Not if the password was changed meanwhile. No answer in memory holds the hash.
    if User.objects(id=user.id, password_hash=user.password_hash).update_one(
        set__password_hash=renewed
    ):
        user.password_hash = renewed


def _incorrect() -> Unauthenticated:
    return Unauthenticated("Incorrect username or password.", wrong_credentials=True)


def _record_failure(account: Account | None, method: str, delay_seconds: int) -> None:
    audit.record(
        audit.AuditAction.AUTH_LOGIN,
        actor=audit.ANONYMOUS,
        resource=audit.Resource(
            type="user",
            id="" if account is None else str(account.id),
            name="" if account is None else account.username,
        ),
        result=audit.Result.FAILED,
        details={"method": method, "delay_seconds": delay_seconds},
    )
