"""Servers for the tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.raw_http import Client, Server, serving

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One worker with the limits of production."""
    with serving(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture(scope="session")
def hasty_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One worker that waits for nobody longer than a second."""
    directory = tmp_path_factory.mktemp("hasty")
    with serving(directory, worker="tests.small_app.HastyWorker") as started:
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """A connection to ``server``."""
    with server.connect() as connected:
        yield connected
