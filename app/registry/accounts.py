"""Accounts as the management API and the pages see them.

The rules are ``app.auth.users``; here is what the registry adds: lists, and that documents
which name somebody are rendered again when they change their name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from bson import ObjectId

from app.auth import users
from app.auth.administration import (
    require_own_name_or_admin,
    require_platform_admin,
    require_self_or_admin,
)
from app.auth.limits import MANAGEMENT, require_account_use
from app.auth.principal import Principal
from app.auth.users import NewUser, UserChanges
from app.errors import NotFound, StaleRevision, Unauthenticated
from app.extensions import coherence
from app.models import Package, User, in_transaction
from app.models.fields import now
from app.models.rows import rows_of
from app.registry.doors import require_door
from app.registry.listing import UP, Page, PageRequest, Row, find_page
from app.registry.names import PackageName

_ATTEMPTS = 5
_BATCH = 500


@dataclass(frozen=True, kw_only=True)
class AccountContent:
    """What an account is to be; none of the last two leaves it as it is."""

    email: str
    username: str
    display_name: str = ""
    is_platform_admin: bool | None = None
    is_active: bool | None = None


@dataclass(frozen=True, kw_only=True)
class AccountView:
    """An account as its owner and platform admins see it."""

    id: str
    number: int
    email: str
    username: str
    display_name: str
    is_platform_admin: bool
    is_active: bool
    created_at: datetime
    updated_at: datetime


AccountEdit = Callable[[AccountView], AccountContent]


def list_accounts(principal: Principal, page: PageRequest) -> Page[AccountView]:
    """Return every account, closed ones too, by username.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the caller is no platform admin.
    """
    require_platform_admin(principal, "read")
    return find_page(
        rows_of(User), {}, [("username", UP)], page, without=("password_hash",)
    ).shown_as(lambda rows: [_view_of_row(row) for row in rows])


def create_account(principal: Principal, new: NewUser) -> AccountView:
    """Make an account.

    Raises:
        Unauthenticated, Forbidden, UnprocessableInput, Conflict: as for ``users.create``.
    """
    return view_of(users.create(principal, new))


def get_account(principal: Principal, reference: str) -> AccountView:
    """Return an account by id, username or e-mail address.

    Args:
        principal: its owner, or a platform admin.
        reference: whose.

    Raises:
        Unauthenticated: nobody is signed in.
        NotFound: there is none for this caller.
        Forbidden: the token may not.
    """
    require_door(principal, action="read")
    return view_of(_find(principal, reference, "read"))


def update_account(
    principal: Principal, reference: str, edit: AccountEdit, *, door: str = MANAGEMENT
) -> AccountView:
    """Change an account, and every document that names its owner.

    Args:
        principal: its owner, or a platform admin; see ``users.update``.
        reference: id, username or e-mail address.
        edit: says what is to become of it, by what it is.
        door: the way in that a token must be good for.

    Raises:
        Unauthenticated, NotFound: as for :func:`get_account`.
        Forbidden, UnprocessableInput, Conflict: as for ``users.update``.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return _update(principal, reference, edit, door)
        except StaleRevision:
            continue
    return _update(principal, reference, edit, door)


def close_account(
    principal: Principal, reference: str, *, check: Callable[[AccountView], None]
) -> None:
    """Close an account.

    Args:
        principal: a platform admin.
        reference: id, username or e-mail address.
        check: raises where the account, at that moment, is not what the caller thinks.

    Raises:
        Unauthenticated, Forbidden, NotFound, Conflict: as for ``users.deactivate``.
    """
    require_platform_admin(principal, "delete")
    user = _find(principal, reference, "delete")
    users.deactivate(principal, user.id, check=lambda current: check(view_of(current)))


def view_of(user: User) -> AccountView:
    """Return an account as it is shown."""
    return AccountView(
        id=str(user.id),
        number=user.number,
        email=user.email,
        username=user.username,
        display_name=user.display_name,
        is_platform_admin=user.is_platform_admin,
        is_active=user.is_active,
        created_at=user.created_at,
        updated_at=user.updated_at,
    )


def _update(principal: Principal, reference: str, edit: AccountEdit, door: str) -> AccountView:
    user = _find(principal, reference, "write")
    require_account_use(principal, door=door, action="write")
    content = edit(view_of(user))
    changes = UserChanges(
        email=content.email,
        username=content.username,
        display_name=content.display_name,
        is_platform_admin=content.is_platform_admin,
        is_active=content.is_active,
    )
    shown_in = _packages_naming(user.id, after=None) if _renames(user, content) else []
    changed = users.update(
        principal,
        user.id,
        changes,
        door=door,
        unchanged_since=user.updated_at,
        tags=_tags(shown_in),
        also=partial(_show_first, user.id, shown_in),
    )
    _finish_renaming(user.id)
    return view_of(changed)


def _renames(user: User, content: AccountContent) -> bool:
    return (user.username, user.email) != (content.username, content.email)


def _packages_naming(user_id: ObjectId, *, after: ObjectId | None) -> list[Row]:
    """Return packages whose documents show somebody's name or address: the next batch.

    Somebody may have very many: one transaction would take too long for all of them.
    """
    where: Row = {"$or": [{"owners": user_id}, {"starred_by": user_id}]}
    if after is not None:
        where["_id"] = {"$gt": after}
    shown = {"protocol": 1, "name": 1, "display_name": 1}
    return list(rows_of(Package).find(where, shown).sort("_id", 1).limit(_BATCH))


def _finish_renaming(user_id: ObjectId) -> None:
    """Render again what still shows an old name, also after a rename that was cut short."""
    while (last := _renamed_in(user_id)) is not None:
        batch = _packages_naming(user_id, after=last)
        coherence.change(
            {users.user_tag(user_id), *_tags(batch)},
            partial(in_transaction, partial(_show_next, user_id, batch, after=last)),
        )


def _renamed_in(user_id: ObjectId) -> ObjectId | None:
    row = rows_of(User).find_one({"_id": user_id}, {"renamed_in": 1}) or {}
    return row.get("renamed_in")


def _show_first(user_id: ObjectId, batch: Sequence[Row]) -> None:
    """Have the first packages show a new name; called within the transaction that gives it."""
    if batch:
        _bump(batch)
        rows_of(User).update_one({"_id": user_id}, _progress(batch))


def _show_next(user_id: ObjectId, batch: Sequence[Row], *, after: ObjectId) -> None:
    """Have further packages show it, unless somebody else went on from there meanwhile."""
    found = rows_of(User).update_one({"_id": user_id, "renamed_in": after}, _progress(batch))
    if found.matched_count:
        _bump(batch)


def _progress(batch: Sequence[Row]) -> Row:
    """Return how far a rename has come with a batch: to its end, unless the batch is full."""
    if len(batch) < _BATCH:
        return {"$unset": {"renamed_in": ""}}
    return {"$set": {"renamed_in": batch[-1]["_id"]}}


def _tags(packages: Iterable[Row]) -> set[str]:
    return {
        PackageName(protocol=row["protocol"], normal=row["name"], display=row["display_name"]).tag
        for row in packages
    }


def _bump(packages: Sequence[Row]) -> None:
    rows_of(Package).update_many(
        {"_id": {"$in": [row["_id"] for row in packages]}},
        {"$inc": {"revision": 1}, "$set": {"updated_at": now()}},
    )


def _find(principal: Principal, reference: str, action: str) -> User:
    """Return an account that the caller may know of; others' look as if they were not."""
    if principal.is_anonymous:
        raise Unauthenticated
    require_own_name_or_admin(principal, reference, action)
    user = users.by_reference(reference)
    if user is None:
        raise NotFound(f"There is no user {reference}.")
    require_self_or_admin(principal, user.id, action)
    return user


def _view_of_row(row: Row) -> AccountView:
    return AccountView(
        id=str(row["_id"]),
        number=row["number"],
        email=row["email"],
        username=row["username"],
        display_name=row.get("display_name") or "",
        is_platform_admin=bool(row.get("is_platform_admin")),
        is_active=bool(row.get("is_active")),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
