"""Packages: Packhouse beside verdaccio, and nginx with plain files."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from bench import programs, report
from bench.large import large_tarball
from bench.measuring import Journal, measure_all
from bench.nginx import nginx
from bench.packhouse import packhouse
from bench.rows import all_rows
from bench.scale import scale
from bench.seeding import copy_as_files, publish_everything
from bench.telling import progress, say
from bench.verdaccio import verdaccio

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from bench.packhouse import Packhouse
    from bench.peer import Peer
    from bench.rows import Tools


def compare(options: argparse.Namespace, tools: Tools, journal: Journal, data: Path) -> None:
    """Measure all that is to be measured of npm.

    Raises:
        CannotStart: a server did not come up.
        Unexpected: a server failed.
    """
    with ExitStack() as stack:
        ours = stack.enter_context(packhouse(data / "packhouse"))
        peers = [ours.peer, *_others(stack, options.scratch, data, ours)]
        lines = measure_all(all_rows(), peers, options, tools, journal)
        names = [peer.name for peer in peers]
        say(report.comparison(lines, names))
        say(report.largest_processes(lines, names))
        say(report.memory(ours.peaks()))
        say(large_tarball(ours, options.large_mib, journal))
        few = stack.enter_context(packhouse(data / "few"))
        progress(f"{options.packages} packages")
        say(
            scale(
                few.peer,
                ours.peer,
                count=options.packages,
                rounds=2 * options.rounds,
                tools=tools,
                journal=journal,
            )
        )


def _others(stack: ExitStack, scratch: Path, data: Path, ours: Packhouse) -> list[Peer]:
    """Start and load what Packhouse is compared with; says what there is not."""
    _load(ours.peer)
    found = []
    if program := programs.found_or_said(programs.verdaccio, scratch):
        peer = stack.enter_context(verdaccio(program, data / "verdaccio"))
        _load(peer)
        found.append(peer)
    if program := programs.found_or_said(programs.nginx, scratch):
        found.append(stack.enter_context(nginx(program, data / "nginx")))
        copy_as_files(ours.peer, data / "nginx")
    return found


def _load(peer: Peer) -> None:
    started = time.monotonic()
    publish_everything(peer)
    progress(f"{peer.name} loaded in {time.monotonic() - started:.0f} s")
