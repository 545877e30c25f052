"""A wheel of 300 MB comes in and goes out in little memory (acceptance row 25)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.memory import MIB, workers_stay_small
from tests.clients.pypi.index import sha256
from tests.clients.pypi.publishers import twine

if TYPE_CHECKING:
    from tests.clients.pypi.author import Author
    from tests.clients.pypi.desk import Desk
    from tests.clients.pypi.index import Index
    from tests.clients.registry import Registry

pytestmark = pytest.mark.client


def test_a_large_wheel_comes_in_and_goes_out(
    desk: Desk, index: Index, author: Author, registry: Registry
) -> None:
    built = author.build("1.0", data_bytes=300 * MIB)
    environment = desk.newest_pip()
    with workers_stay_small(registry):
        twine(desk, index, built.wheel)
        environment.install(index.signed_in, author.name)
    (installed,) = environment.folder.glob(f"lib/python*/site-packages/{author.module}.bin")
    (sources,) = built.wheel.parent.parent.glob(f"sources-*/{author.module}.bin")
    assert sha256(installed.read_bytes()) == sha256(sources.read_bytes())
