"""``packhouse org``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from app.auth import users
from app.auth.principal import OPERATOR, CredentialKind
from app.command_groups import as_json_option, command
from app.command_groups import create_group as group_of
from app.commands.running import every, show, show_all
from app.commands.users import required_user
from app.models import JobState
from app.registry import background, cascading, organizations
from app.registry.background import JobView
from app.registry.organizations import NewOrganization

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

_COLUMNS = ("slug", "display_name", "created_at", "id")


def create_group(make_app: Callable[[], Flask]) -> click.Group:
    """Return the commands about organizations."""
    return group_of(
        "org",
        "Make, show and delete organizations.",
        [list_command, show_command, create_command, delete_command],
        make_app,
    )


@command("list")
@as_json_option
def list_command(*, as_json: bool) -> None:
    """List all organizations."""
    found = every(lambda page: organizations.list_visible(OPERATOR, page))
    show_all(found, _COLUMNS, as_json=as_json)


@command("show")
@click.argument("organization")
@as_json_option
def show_command(*, organization: str, as_json: bool) -> None:
    """Show an organization, by id or slug."""
    show(organizations.get(OPERATOR, organization), as_json=as_json)


@command("create")
@click.argument("slug")
@click.option("--owner", required=True, help="Its first owner: id, username or e-mail address.")
@click.option("--display-name", default="", help="The name that people see.")
@as_json_option
def create_command(*, slug: str, owner: str, display_name: str, as_json: bool) -> None:
    """Make an organization."""
    creator = users.principal_of(required_user(owner), CredentialKind.OPERATOR)
    new = NewOrganization(slug=slug, display_name=display_name)
    show(organizations.create(creator, new), as_json=as_json)


@command("delete")
@click.argument("organization")
@click.option("--cascade", is_flag=True, help="With its repositories and packages.")
def delete_command(*, organization: str, cascade: bool) -> None:
    """Delete an organization, by id or slug; if this is broken off, the worker goes on with it."""
    job = cascading.delete_organization(
        OPERATOR, organization, cascade=cascade, check=lambda _organization: None
    )
    if job is not None:
        ended = background.run_to_end(job.id, cascading.WORK, _tell)
        if ended.state is not JobState.SUCCEEDED:
            why = "" if ended.error is None else f" {ended.error.detail}"
            raise click.ClickException(f"{organization} is not deleted: {ended.state}.{why}")
    click.echo(f"Deleted {organization}.")


def _tell(job: JobView) -> None:
    click.echo(f"{job.progress.done} of {job.progress.total} packages deleted.", err=True)
