"""Python projects: Packhouse beside devpi and pypiserver."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from bench import programs, report
from bench.measuring import Journal, measure_all
from bench.packhouse import packhouse
from bench.pypi_rows import Counts, all_rows, upload_everything
from bench.python_peers import devpi, pypiserver
from bench.telling import progress, say

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from bench.peer import Peer
    from bench.rows import Tools

_QUICK = Counts(projects=20, many=20)


def compare(options: argparse.Namespace, tools: Tools, journal: Journal, data: Path) -> None:
    """Measure all that is to be measured of Python projects.

    Raises:
        CannotStart: a server did not come up.
        Unexpected: a server failed.
    """
    counts = _QUICK if options.quick else Counts()
    with ExitStack() as stack:
        ours = stack.enter_context(packhouse(data / "packhouse"))
        peers = [ours.python, *_others(stack, options.scratch, data)]
        for peer in peers:
            started = time.monotonic()
            upload_everything(peer, counts)
            progress(f"{peer.name} loaded in {time.monotonic() - started:.0f} s")
        lines = measure_all(all_rows(counts), peers, options, tools, journal)
        names = [peer.name for peer in peers]
        say("pypiserver has no JSON, and answers with HTML.")
        say(report.comparison(lines, names))
        say(report.largest_processes(lines, names))
        say(report.memory(ours.peaks()))


def _others(stack: ExitStack, scratch: Path, data: Path) -> list[Peer]:
    """Start what Packhouse is compared with; says what there is not."""
    found = []
    if program := programs.found_or_said(programs.devpi, scratch):
        found.append(stack.enter_context(devpi(program, data / "devpi")))
    if program := programs.found_or_said(programs.pypiserver, scratch):
        found.append(stack.enter_context(pypiserver(program, data / "pypiserver")))
    return found
