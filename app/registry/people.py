"""Users as members, teams, grants and packages show them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bson import ObjectId

from app.auth import users
from app.auth.principal import Principal
from app.errors import NotFound, UnprocessableInput
from app.models import Counter, User
from app.models.rows import rows_of


@dataclass(frozen=True, kw_only=True)
class UserSummary:
    """Who somebody is, for those who may not know their e-mail address."""

    id: str
    username: str
    display_name: str


def summaries(user_ids: Iterable[ObjectId]) -> dict[ObjectId, UserSummary]:
    """Return the users with these ids, by id."""
    rows = rows_of(User).find(
        {"_id": {"$in": list(set(user_ids))}}, {"username": 1, "display_name": 1}
    )
    return {
        row["_id"]: UserSummary(
            id=str(row["_id"]),
            username=row["username"],
            display_name=row.get("display_name") or "",
        )
        for row in rows
    }


def summary_of(user: User) -> UserSummary:
    """Return a user's summary."""
    return UserSummary(id=str(user.id), username=user.username, display_name=user.display_name)


def find_user(reference: str) -> User:
    """Return the user whom an id, a username or an e-mail address names.

    Raises:
        NotFound: there is none.
    """
    user = users.by_reference(reference)
    if user is None:
        raise NotFound(f"There is no user {reference}.")
    return user


def find_active_user(reference: str) -> User:
    """Return the user whom a name in a URL means; they must be able to sign in.

    Raises:
        NotFound: there is none, or the account is closed.
    """
    user = find_user(reference)
    if not user.is_active:
        raise NotFound(f"The account {user.username} is closed.")
    return user


def require_user(reference: str, *, field: str) -> User:
    """Return the user whom a field of a request names; they must be able to sign in.

    Args:
        reference: id, username or e-mail address.
        field: JSON pointer, for the error.

    Raises:
        UnprocessableInput: there is none, or the account is closed.
    """
    user = users.by_reference(reference)
    if user is None or not user.is_active:
        raise UnprocessableInput(
            "This is nobody's name.", {field: "There is no active user of this name."}
        )
    return user


def names_self(principal: Principal, reference: str) -> bool:
    """Say whether an id, a username or an e-mail address is the caller's own."""
    if principal.user_id is None:
        return False
    return reference in {str(principal.user_id), principal.username, principal.email}


def serialize_changes(organization_id: ObjectId) -> None:
    """Make this transaction run before, or after, any other that changes who is in one.

    All of them write one row: of two owners who leave at the same moment, the second sees
    that the first has gone; nobody gets into a team while they leave its organization.
    """
    Counter.next(f"people:{organization_id}")
