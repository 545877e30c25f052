"""Changing a password, one's own or as a platform admin another's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import audit
from app.auth import ids, local_accounts, password_rules, passwords, users
from app.auth.administration import require_platform_admin
from app.auth.limits import MANAGEMENT, require_account_use
from app.errors import Conflict, NotFound, Unauthenticated, UnprocessableInput
from app.extensions import coherence
from app.models import Session, User, in_transaction
from app.models.fields import now

if TYPE_CHECKING:
    from bson import ObjectId

    from app.auth.principal import ClientInfo, Principal


def change_password(
    principal: Principal,
    current_password: str,
    new_password: str,
    client: ClientInfo,
    *,
    door: str = MANAGEMENT,
) -> None:
    """Change one's own password, and end all sessions but the one that is used for it.

    Passwords remembered for Basic die with the old one. API tokens stay.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: outside the token's limits.
        UnprocessableInput: the current password is wrong, or the new one too easily
            guessed.
        TooManyRequests: too many attempts with a wrong password.
        Conflict: the password was changed by another request at the same moment.
    """
    require_account_use(principal, door=door, action="write")
    try:
        user = local_accounts.check(
            principal.username, current_password, client, method="password change"
        )
    except Unauthenticated as error:
        problem = "The current password is not right."
        raise UnprocessableInput(problem, {"/current_password": problem}) from error
    password_rules.require_acceptable(new_password, users.names_of(user), field="/new_password")
    kept = None if principal.session_id is None else ids.read_id(principal.session_id)
    _set(principal, user, new_password, kept_session=kept)


def reset_password(principal: Principal, user_id: ObjectId, new_password: str) -> None:
    """Give a user a new password, and end all their sessions.

    Args:
        principal: a platform admin.
        user_id: whose.
        new_password: to be told to them.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the caller is no platform admin.
        NotFound: there is no such user.
        UnprocessableInput: the password is too easily guessed.
    """
    require_platform_admin(principal, "write")
    user = users.by_id(user_id)
    if user is None:
        raise NotFound
    password_rules.require_acceptable(new_password, users.names_of(user))
    _set(principal, user, new_password, kept_session=None)


def _set(
    principal: Principal, user: User, new_password: str, *, kept_session: ObjectId | None
) -> None:
    renewed = passwords.hash_password(new_password)

    def work() -> None:
        moment = now()
        unchanged = User.objects(id=user.id, password_hash=user.password_hash)
        if not unchanged.update_one(
            set__password_hash=renewed,
            set__password_changed_at=moment,
            set__updated_at=moment,
        ):
            raise Conflict("The password was changed at the same moment. Sign in again.")
        Session.objects(user=user.id, ended_at=None, id__ne=kept_session).update(
            set__ended_at=moment
        )
        audit.record(
            audit.AuditAction.PASSWORD_CHANGE,
            actor=principal.actor,
            resource=audit.Resource(type="user", id=str(user.id), name=user.username),
        )

    coherence.change({users.user_tag(user.id)}, lambda: in_transaction(work))
