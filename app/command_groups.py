"""Groups of commands that need the application, and how they say why they fail.

The application is made when a command runs, and not before: help, and what is wrong with a command
line, need no database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING, Any

import click
import orjson

from app.errors import RegistryError, Unavailable, UnprocessableInput
from app.models.connection import UNREACHABLE

if TYPE_CHECKING:
    from flask import Flask


class Refusal(click.ClickException):
    """A command was refused; it exits with 1.

    Attributes:
        as_json: whether a program is told: one object on standard error, with the code, the
            detail and the errors of fields that the management API would give.
    """

    def __init__(self, error: RegistryError) -> None:
        self._fields = error.fields if isinstance(error, UnprocessableInput) else {}
        self._error = error
        self.as_json = False
        lines = [f"{name.lstrip('/')}: {problem}" for name, problem in self._fields.items()]
        super().__init__("\n".join(lines or [error.message]))

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it."""
        if not self.as_json:
            super().show(file)
            return
        problem = {
            "code": self._error.code,
            "detail": self._error.message,
            "errors": [{"pointer": name, "detail": said} for name, said in self._fields.items()],
        }
        click.echo(orjson.dumps(problem), file=file, err=file is None)


class ApplicationCommand(click.Command):
    """A command that runs in the context of the application that its group makes."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  as click has it
        """Run it."""
        try:
            with _refusals_said_plainly(), ctx.obj().app_context():
                return super().invoke(ctx)
        except Refusal as refusal:
            refusal.as_json = bool(ctx.params.get("as_json"))
            raise


command = partial(click.command, cls=ApplicationCommand)
"""Makes a command of a function, as ``click.command`` does."""

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


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
    except RegistryError as error:
        raise Refusal(error) from error
    except UNREACHABLE as error:
        unavailable = Unavailable("MongoDB does not answer. `packhouse doctor` says what is wrong.")
        raise Refusal(unavailable) from error
