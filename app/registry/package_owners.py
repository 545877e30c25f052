"""Owners of packages, one at a time, as clients name them."""

from __future__ import annotations

from bson import ObjectId

from app.auth import users
from app.auth.principal import Principal
from app.errors import InvalidInput, NotFound
from app.registry import changes
from app.registry.documents import read_snapshot
from app.registry.package_management import unless_stale
from app.registry.resolution import PackageRef


def add_owner(principal: Principal, package: PackageRef, identifier: str) -> None:
    """Make somebody an owner; who is one stays one.

    Raises:
        InvalidInput: there is no such user.
    """
    user = active_user(identifier)

    def attempt() -> None:
        snapshot = read_snapshot(package.id, manifests_of=frozenset())
        owners = snapshot.package.get("owners") or []
        if user not in owners:
            changes.set_owners(
                principal, package, [*owners, user], expected_revision=snapshot.revision
            )

    unless_stale(attempt)


def remove_owner(principal: Principal, package: PackageRef, identifier: str) -> None:
    """Take an owner away; the account may be closed.

    Raises:
        NotFound: that is nobody who owns it.
        InvalidInput: nobody would be left.
    """
    user = users.by_identifier(identifier)

    def attempt() -> None:
        snapshot = read_snapshot(package.id, manifests_of=frozenset())
        owners = snapshot.package.get("owners") or []
        if user is None or user.id not in owners:
            raise NotFound(f"{identifier} is no owner of {package.name.display}.")
        left = [one for one in owners if one != user.id]
        changes.set_owners(principal, package, left, expected_revision=snapshot.revision)

    unless_stale(attempt)


def active_user(identifier: str) -> ObjectId:
    """Return the id of a user, by username or e-mail address.

    Raises:
        InvalidInput: there is no such user.
    """
    user = users.by_identifier(identifier)
    if user is None or not user.is_active:
        raise InvalidInput(f"There is no user named {identifier}.")
    found: ObjectId = user.id
    return found
