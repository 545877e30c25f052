"""``packhouse gc``: remove what nobody needs from the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import click
import orjson
from flask import Flask

from app.command_groups import as_json_option
from app.protocols.oci import collecting
from app.protocols.oci.collecting import Collected, Finding
from app.registry.store_owner import StoreNotOurs


def create_command(make_app: Callable[[], Flask]) -> click.Command:
    """Return the command; it runs in the context of the application made."""

    @click.command("gc")
    @click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
    @as_json_option
    def collect(*, dry_run: bool, as_json: bool) -> None:
        """Remove images' blobs and uploads that nothing needs any more.

        Workers do the same every few minutes, and pushes go on meanwhile. What was used within
        OCI_GRACE_SECONDS stays.
        """
        with make_app().app_context():
            run = collecting.preview if dry_run else collecting.collect
            try:
                collected = run(tell=_say_as_json if as_json else _say)
            except StoreNotOurs as error:
                raise click.ClickException(str(error)) from error
            if not as_json:
                _summarise(collected, "would be removed" if dry_run else "removed")

    return collect


def _say(finding: Finding) -> None:
    click.echo(f"{finding.kind}\t{finding.size_bytes}\t{finding.name}")


def _say_as_json(finding: Finding) -> None:
    click.echo(orjson.dumps(asdict(finding)))


def _summarise(collected: Collected, done: str) -> None:
    parts = [f"{count} {kind}s" for kind, count in sorted(collected.counts.items())]
    what = ", ".join(parts) or "nothing"
    click.echo(f"{what} {done}: {collected.freed_bytes} bytes.")
