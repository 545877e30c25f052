"""A wheel of 300 MB comes in and goes out in little memory (acceptance row 25)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from bench.processes import forget_peaks, peak_bytes
from tests.clients.pypi.index import sha256
from tests.clients.pypi.publishers import twine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clients.pypi.author import Author
    from tests.clients.pypi.desk import Desk
    from tests.clients.pypi.index import Index
    from tests.clients.registry import Registry

pytestmark = pytest.mark.client

MIB = 1024 * 1024
LARGE = 300 * MIB
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


def test_a_large_wheel_comes_in_and_goes_out(
    desk: Desk, index: Index, author: Author, registry: Registry
) -> None:
    built = author.build("1.0", data_bytes=LARGE)
    environment = desk.newest_pip()
    with workers_stay_small(registry):
        twine(desk, index, built.wheel)
        environment.install(index.signed_in, author.name)
    (installed,) = environment.folder.glob(f"lib/python*/site-packages/{author.module}.bin")
    (sources,) = built.wheel.parent.parent.glob(f"sources-*/{author.module}.bin")
    assert sha256(installed.read_bytes()) == sha256(sources.read_bytes())
