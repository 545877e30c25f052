"""Packhouse beside what one would use instead: verdaccio, and nginx with plain files.

    make bench                       everything; about a quarter of an hour on two cores
    make bench ARGS=--quick          whether it works; its figures mean nothing

All run at once on this machine and take turns within each row, so that whatever else the
machine does falls on all of them. Prints Markdown; every single run goes to bench/results/.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from app.standalone.errors import CannotStart
from bench import programs, report
from bench.client import Unexpected
from bench.large import large_tarball
from bench.measuring import Journal, measure
from bench.nginx import nginx
from bench.packhouse import packhouse
from bench.processes import peak_bytes
from bench.rows import Tools, all_rows
from bench.scale import scale
from bench.seeding import copy_as_files, publish_everything
from bench.verdaccio import verdaccio

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.packhouse import Packhouse
    from bench.peer import Peer
    from bench.programs import Program

_RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Measure everything that can be measured here."""
    options = _options()
    scratch: Path = options.scratch
    try:
        tools = Tools(wrk=programs.wrk(scratch), seconds=options.seconds)
    except programs.Missing as missing:
        sys.exit(f"Without wrk nothing can be measured. {missing}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Stopped."))  # so that data are removed
    journal = Journal(_RESULTS / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.jsonl")
    data = Path(tempfile.mkdtemp(prefix="data-", dir=scratch))
    try:
        _measure_all(options, tools, journal, data)
    except (CannotStart, Unexpected) as problem:
        sys.exit(f"Broken off: {problem}")
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--seconds", type=int, default=2, help="of one run of one row")
    parser.add_argument("--rounds", type=int, default=5, help="of which the median counts")
    parser.add_argument("--packages", type=int, default=10_000, help="of the large registry")
    parser.add_argument("--large-mib", type=int, default=200, help="of the largest tarball")
    parser.add_argument("--only", default="", help="rows whose title has this in it")
    parser.add_argument("--quick", action="store_true", help="one short round of everything")
    parser.add_argument(
        "--scratch",
        type=Path,
        default=Path(tempfile.gettempdir()) / "packhouse-bench",
        help="for the other programs, which stay, and for data, which do not",
    )
    options = parser.parse_args()
    if options.quick:
        options.seconds, options.rounds, options.packages, options.large_mib = 1, 1, 50, 20
    options.scratch.mkdir(parents=True, exist_ok=True)
    return options


def _measure_all(options: argparse.Namespace, tools: Tools, journal: Journal, data: Path) -> None:
    _say(_surroundings())
    with ExitStack() as stack:
        ours = stack.enter_context(packhouse(data / "packhouse"))
        peers = [ours.peer, *_others(stack, options.scratch, data, ours)]
        lines = []
        for row in all_rows():
            if options.only in row.title:
                _progress(row.title)
                lines.append(measure(row, peers, options.rounds, tools, journal))
        _say(report.comparison(lines, [peer.name for peer in peers]))
        _say(report.memory(_peaks(ours)))
        _say(large_tarball(ours, options.large_mib, journal))
        few = stack.enter_context(packhouse(data / "few"))
        _progress(f"{options.packages} packages")
        _say(
            scale(
                few.peer,
                ours.peer,
                count=options.packages,
                rounds=2 * options.rounds,
                tools=tools,
                journal=journal,
            )
        )
        _say(f"At the end: load {os.getloadavg()[0]:.1f}.")


def _others(stack: ExitStack, scratch: Path, data: Path, ours: Packhouse) -> list[Peer]:
    """Start and load what Packhouse is compared with; says what there is not."""
    _load(ours.peer)
    found = []
    if program := _program(programs.verdaccio, scratch):
        peer = stack.enter_context(verdaccio(program, data / "verdaccio"))
        _load(peer)
        found.append(peer)
    if program := _program(programs.nginx, scratch):
        found.append(stack.enter_context(nginx(program, data / "nginx")))
        copy_as_files(ours.peer, data / "nginx")
    return found


def _program(find: Callable[[Path], Program], scratch: Path) -> Program | None:
    try:
        return find(scratch)
    except programs.Missing as missing:
        _say(f"Goes on without it: {missing}")
        return None


def _load(peer: Peer) -> None:
    started = time.monotonic()
    publish_everything(peer)
    _progress(f"{peer.name} loaded in {time.monotonic() - started:.0f} s")


def _peaks(ours: Packhouse) -> dict[str, int]:
    return {name: peak_bytes(processes) for name, processes in ours.parts().items()}


def _surroundings() -> str:
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f} at the start. Packhouse has 2 web workers."
    )


def _say(text: str) -> None:
    print(f"{text}\n", flush=True)


def _progress(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
