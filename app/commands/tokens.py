"""``packhouse token``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from app.auth import users
from app.auth.principal import OPERATOR, CredentialKind
from app.command_groups import as_json_option, command
from app.command_groups import create_group as group_of
from app.commands.running import every, show, show_all
from app.commands.users import required_user
from app.registry import token_management
from app.registry.token_management import NewToken

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

_COLUMNS = ("prefix", "user", "name", "protocols", "actions", "expires_at", "last_used_at", "id")


def create_group(make_app: Callable[[], Flask]) -> click.Group:
    """Return the commands about API tokens."""
    return group_of(
        "token",
        "Make, list and revoke API tokens.",
        [list_command, create_command, revoke_command],
        make_app,
    )


@command("list")
@click.option("--user", help="Only of this user: id, username or e-mail address.")
@as_json_option
def list_command(*, user: str | None, as_json: bool) -> None:
    """List living tokens, the newest first."""
    found = every(lambda page: token_management.list_all(OPERATOR, page))
    if user is not None:
        owner = str(required_user(user).id)
        found = (one for one in found if one.user is not None and one.user.id == owner)
    show_all(found, _COLUMNS, as_json=as_json)


@command("create")
@click.argument("user")
@click.argument("name")
@click.option("--protocol", "protocols", multiple=True, help="npm, oci, …, or api; all if none.")
@click.option("--action", "actions", multiple=True, help="read, write or delete; all if none.")
@click.option("--organization", "organizations", multiple=True, help="Slug or id; all if none.")
@click.option(
    "--expires", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="When, in UTC."
)
@as_json_option
def create_command(
    *,
    user: str,
    name: str,
    protocols: tuple[str, ...],
    actions: tuple[str, ...],
    organizations: tuple[str, ...],
    expires: datetime | None,
    as_json: bool,
) -> None:
    """Make a token of a user's, and print it: nobody can read it again."""
    owner = users.principal_of(required_user(user), CredentialKind.OPERATOR)
    new = NewToken(
        name=name,
        protocols=protocols,
        actions=actions,
        organizations=organizations,
        expires_at=None if expires is None else expires.replace(tzinfo=UTC),
    )
    issued = token_management.create_token(owner, new)
    show(issued.view, as_json=as_json, token=issued.secret)


@command("revoke")
@click.argument("token")
def revoke_command(*, token: str) -> None:
    """End a token at once, by its id."""
    token_management.revoke_token(OPERATOR, token, check=lambda _token: None)
    click.echo(f"Revoked {token}.")
