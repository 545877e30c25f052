"""Accounts: made, found, changed and closed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bson import ObjectId
from mongoengine import NotUniqueError

from app import audit
from app.auth import identifiers, password_rules, passwords
from app.auth.administration import require_platform_admin, require_self_or_admin
from app.auth.limits import MANAGEMENT, require_account_use
from app.auth.principal import UNLIMITED, CredentialKind, Principal, TokenLimits
from app.errors import Conflict, Forbidden, NotFound, StaleRevision, UnprocessableInput
from app.extensions import coherence, settings
from app.models import ApiToken, Counter, Session, User, in_transaction
from app.models.fields import now
from app.models.rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

LONGEST_DISPLAY_NAME = 200
_POWERS = frozenset({"is_platform_admin", "is_active"})


@dataclass(frozen=True, kw_only=True)
class NewUser:
    """An account to be made.

    Attributes:
        password: none for one that signs in through another system only.
    """

    email: str
    username: str
    display_name: str = ""
    password: str | None = field(default=None, repr=False)
    is_platform_admin: bool = False


@dataclass(frozen=True, kw_only=True)
class UserChanges:
    """What is to be different; none leaves a field as it is."""

    email: str | None = None
    username: str | None = None
    display_name: str | None = None
    is_platform_admin: bool | None = None
    is_active: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """What a sign-in needs to know of an account.

    Unlike a whole :class:`User` it takes next to no time to read, and a refused sign-in hence
    as long as for an account that is not there.
    """

    id: ObjectId
    username: str
    email: str
    display_name: str
    is_platform_admin: bool
    is_active: bool
    password_hash: str = field(repr=False)

    @classmethod
    def of(cls, row: dict[str, Any]) -> Account:
        """Read a row; the mapper leaves out what is empty."""
        return cls(
            id=row["_id"],
            username=row["username"],
            email=row["email"],
            display_name=row.get("display_name", ""),
            is_platform_admin=row.get("is_platform_admin", False),
            is_active=row.get("is_active", True),
            password_hash=row.get("password_hash", ""),
        )


def user_tag(user_id: ObjectId) -> str:
    """Return what memory answers about a user, their sessions and tokens depend on."""
    return f"user:{user_id}"


def principal_of(
    user: User | Account,
    kind: CredentialKind,
    *,
    limits: TokenLimits = UNLIMITED,
    token_id: ObjectId | None = None,
    session_id: ObjectId | None = None,
) -> Principal:
    """Return the caller that a user is when signed in in this way."""
    return Principal(
        user_id=user.id,
        username=user.username,
        email=user.email,
        display_name=user.display_name,
        is_platform_admin=user.is_platform_admin,
        kind=kind,
        limits=limits,
        token_id=None if token_id is None else str(token_id),
        session_id=None if session_id is None else str(session_id),
    )


def by_id(user_id: ObjectId) -> User | None:
    """Return the user with this id, closed accounts too; none if there is none."""
    found: User | None = User.objects(id=user_id).first()
    return found


def by_username(username: str) -> User | None:
    """Return who has this username, in whatever case it is written."""
    folded = identifiers.fold(username)
    found: User | None = None
    if identifiers.is_username(folded):
        found = User.objects(username=folded).first()
    return found


def by_identifier(identifier: str) -> User | None:
    """Return who signs in under this username or e-mail address."""
    key = _key_of(identifier)
    found: User | None = None if key is None else User.objects(**key).first()
    return found


def account_of(identifier: str) -> Account | None:
    """Return the account that this username or e-mail address signs in to."""
    key = _key_of(identifier)
    row = None if key is None else rows_of(User).find_one(key)
    return None if row is None else Account.of(row)


def _key_of(identifier: str) -> dict[str, str] | None:
    folded = identifiers.fold(identifier)
    if identifiers.is_email(folded):
        return {"email": folded}
    return {"username": folded} if identifiers.is_username(folded) else None


def by_reference(reference: str) -> User | None:
    """Return the user whom an id, a username or an e-mail address names."""
    if ObjectId.is_valid(reference):
        user = by_id(ObjectId(reference))
        if user is not None:
            return user
    return by_identifier(reference)


def create(principal: Principal, new: NewUser) -> User:
    """Make an account.

    Args:
        principal: a platform admin.
        new: what it is to be.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the caller is no platform admin.
        UnprocessableInput: a field is not acceptable; see ``fields``.
        Conflict: the username or e-mail address is taken.
    """
    require_platform_admin(principal, "write")
    return _add(new, principal.actor)


def register(new: NewUser) -> User:
    """Make an account for somebody who asks for one.

    Raises:
        Forbidden: the platform does not take registrations.
        UnprocessableInput: a field is not acceptable; see ``fields``.
        Conflict: the username or e-mail address is taken.
    """
    if not settings.allow_registration or new.is_platform_admin:
        raise Forbidden(
            "This registry takes no registrations. Ask an administrator for an account."
        )
    return _add(new, audit.ANONYMOUS)


def prepare(new: NewUser) -> User:
    """Return a checked account that :func:`insert` may save.

    Raises:
        UnprocessableInput: a field is not acceptable; see ``fields``.
    """
    user = User(
        number=Counter.next("users"),
        email=identifiers.fold(new.email),
        username=new.username,
        display_name=new.display_name.strip(),
        is_platform_admin=new.is_platform_admin,
    )
    _check(user)
    if new.password is not None:
        password_rules.require_acceptable(new.password, names_of(user))
        user.password_hash = passwords.hash_password(new.password)
        user.password_changed_at = user.created_at
    return user


def insert(user: User, *, actor: audit.Actor) -> None:
    """Save a prepared account within a transaction, asking nobody."""
    user.save(force_insert=True)
    audit.record(
        audit.AuditAction.USER_CREATE,
        actor=actor,
        resource=_resource(user),
        details={"is_platform_admin": user.is_platform_admin},
    )


def update(
    principal: Principal,
    user_id: ObjectId,
    changes: UserChanges,
    *,
    door: str = MANAGEMENT,
    unchanged_since: datetime | None = None,
    also: Callable[[], None] = lambda: None,
    tags: Collection[str] = (),
) -> User:
    """Change an account.

    Args:
        principal: oneself, or a platform admin. Only the latter makes and unmakes admins,
            and opens an account again; its old tokens and sessions stay dead. Only they
            change an address, too: nobody checks whose it is, and it is what people sign
            in with, and are known by.
        user_id: whose.
        changes: what is to be different.
        door: the way in that a token must be good for.
        unchanged_since: ``updated_at`` of the account that the caller decided about.
        also: what else changes with it, in the same transaction.
        tags: what memory answers about that depend on.

    Raises:
        NotFound: there is none, or it is not for the caller to know of.
        StaleRevision: the account has changed since.
        Forbidden: for platform admins only.
        UnprocessableInput: a field is not acceptable; see ``fields``.
        Conflict: the username or e-mail address is taken, or it is the last active
            platform admin that would go.
    """
    require_self_or_admin(principal, user_id, "write")
    require_account_use(principal, door=door, action="write")
    user = _required(user_id)
    if _changes_powers(user, changes):
        require_platform_admin(principal, "write")
    elif changes.email is not None and identifiers.fold(changes.email) != user.email:
        require_platform_admin(principal, "write", to="change an e-mail address")
    else:
        changes = replace(changes, email=None, is_platform_admin=None, is_active=None)

    def work() -> User:
        user = _required(user_id)
        if unchanged_since not in {None, user.updated_at}:
            raise StaleRevision("The account was changed at the same moment. Try again.")
        changed = _apply(user, changes)
        if changed & _POWERS:
            _keep_an_administrator()
        if "is_active" in changed and not user.is_active:
            _end_credentials(user_id)
        audit.record(
            audit.AuditAction.USER_UPDATE,
            actor=principal.actor,
            resource=_resource(user),
            details={"changed": sorted(changed)},
        )
        also()
        return user

    return _telling_what_is_taken(
        lambda: coherence.change({user_tag(user_id), *tags}, lambda: in_transaction(work))
    )


def deactivate(
    principal: Principal, user_id: ObjectId, *, check: Callable[[User], None] = lambda _user: None
) -> None:
    """Close an account: its sessions and tokens are dead at once, and stay so.

    The row stays, so that the audit still says who did what, and the name is not reused.

    Args:
        principal: a platform admin.
        user_id: whose.
        check: raises where the account, at that moment, is not what the caller thinks.

    Raises:
        NotFound: there is none, or it is closed already.
        Conflict: it is the last active platform admin.
    """
    require_platform_admin(principal, "delete")

    def work() -> None:
        user = _required(user_id)
        if not user.is_active:
            raise NotFound
        check(user)
        _apply(user, UserChanges(is_active=False))
        _keep_an_administrator()
        _end_credentials(user_id)
        audit.record(audit.AuditAction.USER_DELETE, actor=principal.actor, resource=_resource(user))

    coherence.change({user_tag(user_id)}, lambda: in_transaction(work))


def names_of(user: User) -> tuple[str, ...]:
    """Return the names that a password must not be made of."""
    return (user.username, user.email, user.display_name)


def _add(new: NewUser, actor: audit.Actor) -> User:
    user = prepare(new)

    def work() -> User:
        insert(user, actor=actor)
        return user

    # No fence: that there is no such user is never kept in memory.
    return _telling_what_is_taken(lambda: in_transaction(work))


def _required(user_id: ObjectId) -> User:
    user = by_id(user_id)
    if user is None:
        raise NotFound
    return user


def _changes_powers(user: User, changes: UserChanges) -> bool:
    return any(getattr(changes, name) not in (None, getattr(user, name)) for name in _POWERS)


def _apply(user: User, changes: UserChanges) -> set[str]:
    """Change and save what differs, and return the names of the fields."""
    wanted: dict[str, Any] = {
        "email": None if changes.email is None else identifiers.fold(changes.email),
        "username": changes.username,
        "display_name": None if changes.display_name is None else changes.display_name.strip(),
        "is_platform_admin": changes.is_platform_admin,
        "is_active": changes.is_active,
    }
    changed = {
        name for name, value in wanted.items() if value is not None and value != getattr(user, name)
    }
    for name in changed:
        setattr(user, name, wanted[name])
    _check(user)
    if changed:
        user.updated_at = now()
        user.save()
    return changed


def _check(user: User) -> None:
    fields = {}
    if not identifiers.is_username(user.username):
        fields["/username"] = (
            "2 to 39 of a-z, 0-9, '.', '_' and '-', beginning with a letter or a digit."
        )
    if not identifiers.is_email(user.email):
        fields["/email"] = "Not a well-formed e-mail address."
    if len(user.display_name) > LONGEST_DISPLAY_NAME or not user.display_name.isprintable():
        fields["/display_name"] = f"At most {LONGEST_DISPLAY_NAME} characters, all printable."
    if fields:
        raise UnprocessableInput("Some fields are not acceptable.", fields)


def _keep_an_administrator() -> None:
    """Undo this transaction if it leaves no active platform admin.

    All such transactions touch one row, so that two of them never run side by side: two
    admins who demote each other at the same moment must not both succeed.
    """
    Counter.next("administrator_changes")
    if User.objects(is_platform_admin=True, is_active=True).first() is None:
        raise Conflict("This is the last active platform administrator. Name another one first.")


def _end_credentials(user_id: ObjectId) -> None:
    moment = now()
    Session.objects(user=user_id, ended_at=None).update(set__ended_at=moment)
    ApiToken.objects(user=user_id, revoked_at=None).update(
        set__revoked_at=moment, set__updated_at=moment
    )


def _resource(user: User) -> audit.Resource:
    return audit.Resource(type="user", id=str(user.id), name=user.username)


def _telling_what_is_taken(write: Callable[[], User]) -> User:
    try:
        return write()
    except NotUniqueError as error:
        field_name = "e-mail address" if "email" in str(error) else "username"
        raise Conflict(f"Another account has this {field_name}.") from error
