"""Runs each row on each server in turn, and keeps the medians."""

from __future__ import annotations

import json
import os
import statistics
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from bench.processes import forget_peaks, largest_peak_bytes, peak_bytes
from bench.rows import Unavailable
from bench.telling import progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from bench.load import Run
    from bench.peer import Peer
    from bench.rows import Row, Tools


@dataclass(frozen=True, kw_only=True)
class Result:
    """One server's medians in one row, and the highest peaks of all runs.

    Attributes:
        peak_bytes: of all its processes together.
        largest_peak_bytes: of the largest one.
    """

    rate: float
    p50_ms: float
    p99_ms: float
    peak_bytes: int
    largest_peak_bytes: int


@dataclass(frozen=True, kw_only=True)
class _Measured:
    """One run of one row, and the peaks of the processes that served it."""

    run: Run
    peak_bytes: int
    largest_peak_bytes: int


@dataclass(frozen=True, kw_only=True)
class Line:
    """One row's results by server; a text where a server does not do it."""

    row: Row
    results: dict[str, Result | str]


class Journal:
    """Keeps every single run as a line of JSON."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file

    def note(self, **fields: object) -> None:
        """Append one line, with the time and the load of the machine."""
        line = {**fields, "load": os.getloadavg()[0], "at": time.time()}
        with self._file.open("a") as opened:
            opened.write(json.dumps(line) + "\n")


def measure_all(
    rows: Iterable[Row],
    peers: Sequence[Peer],
    options: argparse.Namespace,
    tools: Tools,
    journal: Journal,
) -> list[Line]:
    """Measure the rows that are asked for.

    Raises:
        Unexpected: a server failed.
    """
    lines = []
    for row in rows:
        if options.only in row.title:
            progress(row.title)
            lines.append(measure(row, peers, options.rounds, tools, journal))
    return lines


def measure(row: Row, peers: Sequence[Peer], rounds: int, tools: Tools, journal: Journal) -> Line:
    """Let the servers take turns, in a new order each round.

    Raises:
        Unexpected: one of them failed.
    """
    runs: dict[str, list[_Measured]] = {peer.name: [] for peer in peers}
    lacking: dict[str, str] = {}
    for number in range(rounds):
        for peer in peers if number % 2 == 0 else reversed(peers):
            if peer.name in lacking:
                continue
            processes = peer.processes()
            forget_peaks(processes)
            try:
                run = row.measure(peer, tools)
            except Unavailable as reason:
                lacking[peer.name] = str(reason)
                continue
            peaks = {
                "peak_bytes": peak_bytes(processes),
                "largest_peak_bytes": largest_peak_bytes(processes),
            }
            runs[peer.name].append(_Measured(run=run, **peaks))
            journal.note(row=row.title, peer=peer.name, rate=run.rate, **peaks, **asdict(run))
    results: dict[str, Result | str] = dict(lacking)
    results |= {name: _medians(found) for name, found in runs.items() if found}
    return Line(row=row, results=results)


def _medians(measured: list[_Measured]) -> Result:
    runs = [one.run for one in measured]
    return Result(
        rate=statistics.median(run.rate for run in runs),
        p50_ms=statistics.median(run.p50_ms for run in runs),
        p99_ms=statistics.median(run.p99_ms for run in runs),
        peak_bytes=max(one.peak_bytes for one in measured),
        largest_peak_bytes=max(one.largest_peak_bytes for one in measured),
    )
