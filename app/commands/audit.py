"""``packhouse audit``: check the chain, and hand it out."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
import orjson

from app import command_groups
from app.audit import AuditAction, Link, Result, Verification, export, flush, verify
from app.auth.principal import OPERATOR
from app.command_groups import as_json_option, command
from app.registry import audit_trail
from app.registry.audit_trail import EventFilter

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

_HASH_DIGITS = 64
_TIME = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"])


def create_group(make_app: Callable[[], Flask]) -> click.Group:
    """Return the group of commands; they run in the context of the application made."""
    commands = [verify_command, export_command, flush_command]
    return command_groups.create_group("audit", "Check and export the audit.", commands, make_app)


@command("verify")
@as_json_option
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
@click.option("--from-seq", type=click.IntRange(min=1), help="Number of the first event.")
@click.option("--from", "since", type=_TIME, help="The earliest time that is wanted, in UTC.")
@click.option("--to", "until", type=_TIME, help="The first time that is wanted no more, in UTC.")
@click.option("--actor", default="", help="Id or username of who acted.")
@click.option(
    "--action", type=click.Choice([one.value for one in AuditAction]), help="What was done."
)
@click.option("--resource-type", default="", help="What it was done to, such as `package`.")
@click.option("--resource", default="", help="Id or name of what it was done to.")
@click.option("--org", "organization", default="", help="Id or slug of an organization.")
@click.option("--result", type=click.Choice([one.value for one in Result]), help="How it ended.")
def export_command(
    *, from_seq: int | None, since: datetime | None, until: datetime | None, **texts: str | None
) -> None:
    """Print events as JSON lines, the oldest first; without filters, the whole chain."""
    wanted = EventFilter(
        since=_in_utc(since),
        until=_in_utc(until),
        **{name: text or "" for name, text in texts.items()},
    )
    if from_seq is not None and wanted != EventFilter():
        raise click.UsageError("--from-seq is for the whole chain, without filters.")
    lines = export(from_seq) if from_seq else audit_trail.export_events(OPERATOR, wanted)
    for line in lines:
        click.echo(line, nl=False)


@command("flush")
@as_json_option
def flush_command(*, as_json: bool) -> None:
    """Move the events that wait into the chain, as the worker does every second."""
    total = 0
    while count := flush():
        total += count
    click.echo(orjson.dumps({"appended": total}) if as_json else f"{total} events appended.")


def _in_utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(tzinfo=UTC)


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
