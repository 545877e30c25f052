"""A tarball of 200 MiB goes up and down: how fast, and how much memory a worker takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.packages import MIB, publish_body
from bench.processes import forget_peaks, peak_bytes
from bench.report import megabytes, table

if TYPE_CHECKING:
    from bench.measuring import Journal
    from bench.packhouse import Packhouse

_NAME = "huge"


def large_tarball(packhouse: Packhouse, size_mib: int, journal: Journal) -> str:
    """Publish and download one; returns a table.

    Raises:
        Unexpected: it was not accepted, or did not come back.
    """
    peer = packhouse.peer
    body = publish_body(peer.base_url, _NAME, "1.0.0", size_mib * MIB)
    rows = []
    with peer.publishing_client() as client:
        for what, act in (
            ("up", lambda: client.put(f"/{_NAME}", body)),
            ("down", lambda: client.download(f"/{_NAME}/-/{_NAME}-1.0.0.tgz")),
        ):
            workers = packhouse.workers()
            forget_peaks(workers)
            started = time.perf_counter()
            act()
            seconds = time.perf_counter() - started
            peak = max(peak_bytes([pid]) for pid in workers)
            journal.note(row=f"{size_mib} MiB {what}", seconds=seconds, peak_bytes=peak)
            rows.append((what, f"{size_mib / seconds:.0f} MiB/s", megabytes(peak)))
    return table([f"tarball of {size_mib} MiB", "rate", "the larger worker's peak"], rows)
