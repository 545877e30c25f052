"""Groups of commands that need the application, and how they say why they fail.

The application is made when a command runs, and not before: help, and what is wrong with a command
line, need no database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from app.errors import RegistryError, UnprocessableInput
from app.models.connection import UNREACHABLE

if TYPE_CHECKING:
    from flask import Flask


class ApplicationCommand(click.Command):
    """A command that runs in the context of the application that its group makes."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  as click has it
        """Run it."""
        with _refusals_said_plainly(), ctx.obj().app_context():
            return super().invoke(ctx)


command = partial(click.command, cls=ApplicationCommand)
"""Makes a command of a function, as ``click.command`` does."""


def create_group(
    name: str, summary: str, commands: Sequence[click.Command], make_app: Callable[[], Flask]
) -> click.Group:
    """Return a group of such commands."""

    @click.group(name, help=summary, commands=commands)
    @click.pass_context
    def group(context: click.Context) -> None:
        context.obj = make_app

    return group


@contextmanager
def _refusals_said_plainly() -> Iterator[None]:
    """Say what was refused as the API would, and exit with 1."""
    try:
        yield
    except UnprocessableInput as error:
        lines = [f"{name.lstrip('/')}: {problem}" for name, problem in error.fields.items()]
        raise click.ClickException("\n".join(lines or [error.message])) from error
    except RegistryError as error:
        raise click.ClickException(error.message) from error
    except UNREACHABLE as error:
        raise click.ClickException(
            "MongoDB does not answer. `packhouse doctor` says what is wrong."
        ) from error
