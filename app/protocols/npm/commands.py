"""``packhouse advisories``: what audits of npm projects report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click
import orjson
from flask import Flask

from app import command_groups
from app.command_groups import command
from app.errors import InvalidInput
from app.protocols.npm import osv

_BATCH = 100


def create_group(make_app: Callable[[], Flask]) -> click.Group:
    """Return the group of commands; they run in the context of the application made."""
    summary = "Keep known vulnerabilities of npm packages."
    return command_groups.create_group("advisories", summary, [import_command], make_app)


@command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def import_command(paths: tuple[Path, ...]) -> None:
    """Read OSV documents: JSON files, or folders of them.

    What is known already is brought up to date, so a newer copy can simply be read again.
    """
    waiting: list[osv.KnownAdvisory] = []
    count = 0
    for file in _files(paths):
        try:
            waiting += osv.read_document(orjson.loads(file.read_bytes()))
        except (InvalidInput, orjson.JSONDecodeError) as error:
            raise click.ClickException(f"{file}: {error}") from error
        if len(waiting) >= _BATCH:
            count += osv.keep(waiting)
            waiting = []
            click.echo(f"{count} advisories read…", err=True)
    count += osv.keep(waiting)
    click.echo(f"{count} advisories are known now from these files.")


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(path.rglob("*.json")) if path.is_dir() else (path,)
