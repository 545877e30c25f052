"""The ``packhouse`` command."""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from app.standalone import services
from app.standalone.errors import CannotStart
from app.standalone.up import up
from app.version import VERSION
from config.settings import SettingsError, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from pymongo.database import Database

    from config.settings import Settings


class _Commands(click.Group):
    """Loads the commands that need the whole application only when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted([*super().list_commands(ctx), *_LOADED_LATE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name."""
        load = _LOADED_LATE.get(cmd_name)
        return super().get_command(ctx, cmd_name) if load is None else load()


def _audit_commands() -> click.Command:
    from app.commands.audit import create_group  # noqa: PLC0415  see _Commands

    return create_group(_application)


def _advisory_commands() -> click.Command:
    from app.protocols.npm.commands import create_group  # noqa: PLC0415  see _Commands

    return create_group(_application)


def _collecting_command() -> click.Command:
    from app.protocols.oci.commands import create_command  # noqa: PLC0415  see _Commands

    return create_command(_application)


def _admin_commands() -> click.Command:
    from app.commands.users import create_admin_group  # noqa: PLC0415  see _Commands

    return create_admin_group(_application)


def _user_commands() -> click.Command:
    from app.commands.users import create_group  # noqa: PLC0415  see _Commands

    return create_group(_application)


def _token_commands() -> click.Command:
    from app.commands.tokens import create_group  # noqa: PLC0415  see _Commands

    return create_group(_application)


def _organization_commands() -> click.Command:
    from app.commands.organizations import create_group  # noqa: PLC0415  see _Commands

    return create_group(_application)


def _doctor_command() -> click.Command:
    from app.doctor.commands import create_command  # noqa: PLC0415  see _Commands

    return create_command(_settings)


_LOADED_LATE: dict[str, Callable[[], click.Command]] = {
    "admin": _admin_commands,
    "advisories": _advisory_commands,
    "audit": _audit_commands,
    "doctor": _doctor_command,
    "gc": _collecting_command,
    "org": _organization_commands,
    "token": _token_commands,
    "user": _user_commands,
}


def _application() -> Flask:
    from app import create_app  # noqa: PLC0415  see _Commands
    from config.logging import configure_logging  # noqa: PLC0415

    with _problems_said_plainly():
        settings = services.completed(load_settings())
        settings.require_services_and_secrets()
        configure_logging(settings)
        return create_app(settings)


@click.group(cls=_Commands)
@click.version_option(VERSION, prog_name="packhouse")
def main() -> None:
    """Packhouse, a self-hosted package registry."""


@main.command("up")
@click.option("--s3", "wants_s3", is_flag=True, help="Keep artifacts in an S3 server of its own.")
def up_command(*, wants_s3: bool) -> None:
    """Start everything, MongoDB and Redis included, and run until Ctrl-C."""
    with _problems_said_plainly():
        up(load_settings(), wants_s3=wants_s3, say=_say)


@main.command()
@click.option("--again", is_flag=True, help="Run what has run already too: restores indexes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def migrate(*, again: bool, as_json: bool) -> None:
    """Bring the database up to this code, with an administrator in it."""
    # What the other commands do without, so that `packhouse up` stays small.
    from app.auth import bootstrap  # noqa: PLC0415
    from config.logging import configure_logging  # noqa: PLC0415
    from migrations import runner  # noqa: PLC0415

    with _problems_said_plainly():
        settings = load_settings()
        settings.require_services_and_secrets()
        configure_logging(settings)
        with _database(settings) as database:
            names = runner.migrate(database, again=again)
            is_first_start = not bootstrap.has_administrator()
        password = _make_administrator(settings) if is_first_start else None
    if as_json:
        _say(json.dumps({"migrated": names, "username": bootstrap.USERNAME, "password": password}))
        return
    for name in names:
        _say(f"Migrated: {name}")
    if password:
        _say(f"Sign in as {bootstrap.USERNAME} with the password {password} (shown this once).")


def _settings() -> Settings:
    with _problems_said_plainly():
        return services.completed(load_settings())


@contextmanager
def _problems_said_plainly() -> Iterator[None]:
    try:
        yield
    except (CannotStart, SettingsError) as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def _database(settings: Settings) -> Iterator[Database[dict[str, Any]]]:
    from app.models import connection  # noqa: PLC0415  as in `migrate`

    client: Any = connection.connect(settings.mongodb_url, settings.mongodb_db)
    try:
        yield client[settings.mongodb_db]
    except connection.UNREACHABLE as error:
        reason = str(error).partition(" (")[0]
        raise SettingsError(f"MONGODB_URL: no MongoDB answers there ({reason}).") from error
    finally:
        connection.disconnect()


def _make_administrator(settings: Settings) -> str | None:
    """Make the first one; returns the password that was made up, where the settings have none."""
    from app import create_app  # noqa: PLC0415  as in `migrate`
    from app.auth import bootstrap  # noqa: PLC0415

    with create_app(settings).app_context():
        return bootstrap.ensure_administrator(settings)


def _say(line: str) -> None:
    """Print a line; a terminal that was closed must not keep us from stopping cleanly."""
    with suppress(OSError):
        click.echo(line)


if __name__ == "__main__":
    main()
