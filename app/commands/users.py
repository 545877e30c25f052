"""``packhouse user`` and ``packhouse admin``."""

from __future__ import annotations

import secrets
import string
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from app.auth import password_changes, users
from app.auth.principal import OPERATOR
from app.auth.users import NewUser
from app.command_groups import as_json_option, command
from app.command_groups import create_group as group_of
from app.commands.running import every, show, show_all
from app.errors import NotFound
from app.registry import accounts
from app.registry.accounts import AccountContent, AccountView

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from app.models import User

_GENERATED_CHARACTERS = 24
_CHARACTERS = string.ascii_letters + string.digits
_COLUMNS = ("username", "email", "display_name", "is_platform_admin", "is_active", "id")

_password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from the input; else one is made."
)


def create_group(make_app: Callable[[], Flask]) -> click.Group:
    """Return the commands about users."""
    return group_of(
        "user",
        "Make, show, change and close accounts.",
        [
            list_command,
            show_command,
            create_command,
            password_command,
            promote_command,
            demote_command,
            close_command,
            reopen_command,
        ],
        make_app,
    )


def create_admin_group(make_app: Callable[[], Flask]) -> click.Group:
    """Return the commands about platform admins."""
    return group_of("admin", "Make platform administrators.", [create_admin_command], make_app)


@command("list")
@as_json_option
def list_command(*, as_json: bool) -> None:
    """List every account, closed ones too."""
    found = every(lambda page: accounts.list_accounts(OPERATOR, page))
    show_all(found, _COLUMNS, as_json=as_json)


@command("show")
@click.argument("user")
@as_json_option
def show_command(*, user: str, as_json: bool) -> None:
    """Show an account, by id, username or e-mail address."""
    show(accounts.get_account(OPERATOR, user), as_json=as_json)


@command("create")
@click.argument("username")
@click.argument("email")
@click.option("--display-name", default="", help="The name that others see.")
@_password_option
@as_json_option
def create_command(
    *, username: str, email: str, display_name: str, password_stdin: bool, as_json: bool
) -> None:
    """Make an account, and print its password if it was made."""
    new = NewUser(username=username, email=email, display_name=display_name)
    _create(new, password_stdin=password_stdin, as_json=as_json)


@command("create")
@click.argument("username")
@click.argument("email")
@_password_option
@as_json_option
def create_admin_command(*, username: str, email: str, password_stdin: bool, as_json: bool) -> None:
    """Make a platform administrator, and print the password if it was made."""
    new = NewUser(username=username, email=email, is_platform_admin=True)
    _create(new, password_stdin=password_stdin, as_json=as_json)


@command("password")
@click.argument("user")
@_password_option
@as_json_option
def password_command(*, user: str, password_stdin: bool, as_json: bool) -> None:
    """Give a user a new password, and end all their sessions."""
    found = required_user(user)
    password, made = _password(is_given=password_stdin)
    password_changes.reset_password(OPERATOR, found.id, password)
    show(accounts.get_account(OPERATOR, str(found.id)), as_json=as_json, **made)


@command("promote")
@click.argument("user")
@as_json_option
def promote_command(*, user: str, as_json: bool) -> None:
    """Make a user a platform administrator."""
    _change(user, as_json=as_json, is_platform_admin=True)


@command("demote")
@click.argument("user")
@as_json_option
def demote_command(*, user: str, as_json: bool) -> None:
    """Make a platform administrator a user like any other."""
    _change(user, as_json=as_json, is_platform_admin=False)


@command("close")
@click.argument("user")
@as_json_option
def close_command(*, user: str, as_json: bool) -> None:
    """Close an account: its sessions and tokens end at once."""
    found = accounts.get_account(OPERATOR, user)
    accounts.close_account(OPERATOR, found.id, check=lambda _account: None)
    show(accounts.get_account(OPERATOR, found.id), as_json=as_json)


@command("reopen")
@click.argument("user")
@as_json_option
def reopen_command(*, user: str, as_json: bool) -> None:
    """Open a closed account again; its old sessions and tokens stay ended."""
    _change(user, as_json=as_json, is_active=True)


def required_user(reference: str) -> User:
    """Return whom an id, a username or an e-mail address names.

    Raises:
        NotFound: nobody.
    """
    found = users.by_reference(reference)
    if found is None:
        raise NotFound(f"There is no user {reference}.")
    return found


def _create(new: NewUser, *, password_stdin: bool, as_json: bool) -> None:
    password, made = _password(is_given=password_stdin)
    created = accounts.create_account(OPERATOR, replace(new, password=password))
    show(created, as_json=as_json, **made)


def _password(*, is_given: bool) -> tuple[str, dict[str, str]]:
    """Return a password, and what is to be printed of it: one that was given is known."""
    if is_given:
        return sys.stdin.readline().rstrip("\r\n"), {}
    made = "".join(secrets.choice(_CHARACTERS) for _ in range(_GENERATED_CHARACTERS))
    return made, {"password": made}


def _change(
    user: str,
    *,
    as_json: bool,
    is_platform_admin: bool | None = None,
    is_active: bool | None = None,
) -> None:
    def edit(account: AccountView) -> AccountContent:
        return AccountContent(
            email=account.email,
            username=account.username,
            display_name=account.display_name,
            is_platform_admin=is_platform_admin,
            is_active=is_active,
        )

    show(accounts.update_account(OPERATOR, user, edit), as_json=as_json)
