"""Packhouse beside what one would use instead, and beside nginx with plain files.

    make bench                       everything; about a quarter of an hour a format on two cores
    make bench ARGS="--format oci"   images alone
    make bench ARGS=--quick          whether it works; its figures mean nothing

All of a format run at once on this machine and take turns within each row, so that whatever else
the machine does falls on all of them. Prints Markdown; every single run goes to bench/results/.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from app.standalone.errors import CannotStart
from bench import management, npm, oci, programs, pypi, rubygems
from bench.client import Unexpected
from bench.measuring import Journal
from bench.rows import Tools
from bench.telling import say

FORMATS = {
    "npm": npm.compare,
    "oci": oci.compare,
    "pypi": pypi.compare,
    "rubygems": rubygems.compare,
    "management": management.compare,
}
_RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Measure everything that can be measured here."""
    options = _options()
    scratch: Path = options.scratch
    try:
        wrk = programs.wrk(scratch)
    except programs.Missing as missing:
        sys.exit(f"Without wrk nothing can be measured. {missing}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Stopped."))  # so that data are removed
    journal = Journal(_RESULTS / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.jsonl")
    data = Path(tempfile.mkdtemp(prefix="data-", dir=scratch))
    tools = Tools(wrk=wrk, seconds=options.seconds, scratch=data)
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
    parser.add_argument("--format", choices=FORMATS, action="append", dest="formats")
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
    say(_surroundings())
    for name in options.formats or FORMATS:
        say(f"### {name}")
        FORMATS[name](options, tools, journal, data / name)
    say(f"At the end: load {os.getloadavg()[0]:.1f}.")


def _surroundings() -> str:
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f} at the start. Packhouse has 2 web workers."
    )


if __name__ == "__main__":
    main()
