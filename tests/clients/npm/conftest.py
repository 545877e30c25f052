"""Package managers on new machines, and npm's wire for what only the registry can tell."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.clients.npm.managers import EVERY_ONE, NPM, Npm11, Pnpm11
from tests.clients.npm.set_up import SetUp
from tests.npm_wire import NpmWire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.clients.npm.managers import PackageManager
    from tests.clients.registry import Registry


@pytest.fixture
def set_up(registry: Registry, tmp_path: Path) -> SetUp:
    """Sets package managers up."""
    return SetUp(registry, tmp_path)


@pytest.fixture(params=EVERY_ONE, ids=lambda manager: manager.alias)
def manager(request: pytest.FixtureRequest) -> type[PackageManager]:
    """Each of the package managers."""
    found: type[PackageManager] = request.param
    return found


@pytest.fixture
def client(set_up: SetUp, registry: Registry, manager: type[PackageManager]) -> PackageManager:
    """A package manager on the maintainer's machine."""
    return set_up(manager, registry.people.alice)


@pytest.fixture(params=NPM, ids=lambda manager: manager.alias)
def npm(request: pytest.FixtureRequest, set_up: SetUp, registry: Registry) -> PackageManager:
    """Each npm on the maintainer's machine: for what only npm's own command line does."""
    manager: type[PackageManager] = request.param
    return set_up(manager, registry.people.alice)


@pytest.fixture(params=(*NPM, Pnpm11), ids=lambda manager: manager.alias)
def maintainer(request: pytest.FixtureRequest, set_up: SetUp, registry: Registry) -> PackageManager:
    """Each npm, and pnpm 11, which has many of npm's commands in a version of its own."""
    manager: type[PackageManager] = request.param
    return set_up(manager, registry.people.alice)


@pytest.fixture
def npm11(set_up: SetUp, registry: Registry) -> Npm11:
    """The newest npm on the maintainer's machine: for what every client would do alike."""
    return set_up(Npm11, registry.people.alice)


@pytest.fixture
def wire(registry: Registry) -> Iterator[NpmWire]:
    """The registry's own answers to the maintainer."""
    with closing(NpmWire(registry.base, registry.people.alice.token)) as wire:
        yield wire
