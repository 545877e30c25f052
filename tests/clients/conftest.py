"""One live server for each kind of store, which the tests of all clients share.

They share its people too, so each test uses names of packages of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from config.settings import StorageBackend
from tests.clients.registry import leak, running_registry
from tests.new_settings import new_settings, on_s3

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clients.registry import People, Registry


@pytest.fixture(scope="session", params=[StorageBackend.FILESYSTEM, StorageBackend.S3])
def registry(
    request: pytest.FixtureRequest,
    mongodb_url: str,
    redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Registry]:
    """A registry on this store."""
    folder = tmp_path_factory.mktemp(f"registry-{request.param}")
    settings = new_settings(mongodb_url, redis_url, folder / "data", trusted_proxies="127.0.0.0/8")
    if request.param is StorageBackend.S3:
        settings = on_s3(settings, request.getfixturevalue("s3_server"))
    with running_registry(settings, folder / "web.log", advisories=[leak()]) as registry:
        yield registry


@pytest.fixture
def people(registry: Registry) -> People:
    """Who uses the registry."""
    return registry.people
