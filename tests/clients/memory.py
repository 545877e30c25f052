"""How much memory the registry's processes need."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from bench.processes import forget_peaks, peak_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clients.registry import Registry

MIB = 1024 * 1024
SMALL = 64 * MIB


@contextmanager
def workers_stay_small(registry: Registry) -> Iterator[None]:
    """Assert that the workers need hardly more memory during the block than before it."""
    workers = registry.server.worker_pids()
    forget_peaks(workers)
    before = peak_bytes(workers)
    yield
    assert registry.server.worker_pids() == workers
    assert peak_bytes(workers) - before < SMALL
