"""Does a packument read cost the same among a few packages and among many?

Two Packhouses run side by side, one with ten packages and one with many, and take turns.
A first read asks by a host name that was never used before, so that nothing of the answer is
in memory: it goes to MongoDB and renders the document. A repeated read is one from memory.
"""

from __future__ import annotations

import itertools
import statistics
import time
from typing import TYPE_CHECKING

from bench.client import Unexpected
from bench.report import table
from bench.rows import ABBREVIATED, Read
from bench.seeding import publish_many

if TYPE_CHECKING:
    from bench.measuring import Journal
    from bench.peer import Peer
    from bench.rows import Tools

FEW = 10
_FIRST_READS = 20  # in each round
_hosts = itertools.count()


def scale(few: Peer, many: Peer, *, count: int, rounds: int, tools: Tools, journal: Journal) -> str:
    """Load both, measure, and return a table.

    Args:
        few: gets ten packages.
        many: gets ``count``.
        count: of packages.
        rounds: how often each has its turn.
        tools: what drives the repeated reads.
        journal: for each single run.

    Raises:
        Unexpected: a server failed.
    """
    publish_many(few, 0, FEW)
    rate = publish_many(many, 0, count)
    journal.note(row="loading", packages=count, rate=rate)
    repeated = Read(
        title="repeated", path="/package-0", connections=1, headers={"Accept": ABBREVIATED}
    )
    times: dict[tuple[str, int], list[float]] = {}
    for number in range(rounds):
        sides = ((few, FEW), (many, count))
        for peer, packages in sides if number % 2 == 0 else reversed(sides):
            times.setdefault(("repeated", packages), []).append(
                repeated.measure(peer, tools).p50_ms
            )
            times.setdefault(("first", packages), []).extend(_first_reads(peer))
    for (kind, packages), found in times.items():
        journal.note(row=f"{kind} read", packages=packages, milliseconds=found)
    return table(
        ["packument read, p50", f"{FEW} packages", f"{count:,} packages", "difference"],
        [_cells(kind, times[kind, FEW], times[kind, count]) for kind in ("repeated", "first")],
    )


def _first_reads(peer: Peer) -> list[float]:
    """Return the milliseconds of each."""
    times = []
    with peer.client() as client:
        for number in range(_FIRST_READS):
            host = f"host-{next(_hosts)}.test"
            started = time.perf_counter()
            reply = client.ask("GET", f"/package-{number % FEW}", headers={"Host": host})
            times.append((time.perf_counter() - started) * 1e3)
            if reply.status != 200:  # noqa: PLR2004  OK
                raise Unexpected(f"a first read was answered {reply.status}")
    return times


def _cells(kind: str, few: list[float], many: list[float]) -> tuple[str, ...]:
    before, after = statistics.median(few), statistics.median(many)
    return kind, f"{before:.2f} ms", f"{after:.2f} ms", f"{(after / before - 1) * 100:+.0f} %"
