"""``packhouse audit``: check the chain, and hand it out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
import orjson

from app import command_groups
from app.audit.chain import Link
from app.audit.flushing import flush
from app.audit.verification import Verification, export, verify
from app.command_groups import command

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

_HASH_DIGITS = 64


def create_group(make_app: Callable[[], Flask]) -> click.Group:
    """Return the group of commands; they run in the context of the application made."""
    commands = [verify_command, export_command, flush_command]
    return command_groups.create_group("audit", "Check and export the audit.", commands, make_app)


@command("verify")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--expect-seq", type=click.IntRange(min=1), help="Number of an event kept earlier.")
@click.option("--expect-hash", help="Its hash.")
def verify_command(*, as_json: bool, expect_seq: int | None, expect_hash: str | None) -> None:
    """Read the whole chain; exit with 1 where an event was changed, removed, added or moved.

    Keep the number and hash that this prints outside of the database, and give them to a
    later run: they show a chain that was rewritten or cut off as a whole.
    """
    result = verify(_anchor(expect_seq, expect_hash))
    click.echo(orjson.dumps(_as_json(result)) if as_json else _as_sentence(result))
    if not result.valid:
        sys.exit(1)


@command("export")
@click.option("--from-seq", type=click.IntRange(min=1), default=1, help="First event to export.")
def export_command(*, from_seq: int) -> None:
    """Print the chain as JSON lines, the oldest event first."""
    for line in export(from_seq):
        click.echo(line, nl=False)


@command("flush")
def flush_command() -> None:
    """Move the events that wait into the chain, as the worker does every second."""
    total = 0
    while count := flush():
        total += count
    click.echo(f"{total} events appended.")


def _anchor(seq: int | None, digest: str | None) -> Link | None:
    if seq is None and digest is None:
        return None
    if seq is None or digest is None:
        raise click.UsageError("--expect-seq and --expect-hash belong together.")
    if len(digest) != _HASH_DIGITS:
        raise click.BadParameter("a hash has 64 hexadecimal digits", param_hint="--expect-hash")
    return Link(seq, digest.lower())


def _as_json(result: Verification) -> dict[str, object]:
    return {
        "valid": result.valid,
        "checked": result.checked,
        "first_bad": result.first_bad,
        "last": {"seq": result.last.seq, "hash": result.last.hash},
    }


def _as_sentence(result: Verification) -> str:
    if result.valid:
        return f"Whole: {result.checked} events. Last: {result.last.seq} {result.last.hash}"
    return f"BROKEN at event {result.first_bad}. The {result.checked} events before it are whole."
