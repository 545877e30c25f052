"""Machines with each release of RubyGems and Bundler, and a gem of its own for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.recorder import recording
from tests.clients.rubygems.author import Author
from tests.clients.rubygems.desk import Desk
from tests.clients.rubygems.gems import new_name
from tests.clients.rubygems.installed import releases
from tests.clients.rubygems.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.clients.recorder import Recorder
    from tests.clients.registry import People, Registry
    from tests.clients.rubygems.installed import Release


@pytest.fixture(params=releases(), ids=str)
def release(request: pytest.FixtureRequest) -> Release:
    """Each release of RubyGems with its Bundler."""
    found: Release = request.param
    return found


@pytest.fixture
def new_desk(release: Release, tmp_path: Path) -> Callable[[], Desk]:
    """Sets up machines where neither gem nor Bundler has ever run."""
    numbers = iter(range(1, 100))
    return lambda: Desk(tmp_path / f"desk-{next(numbers)}", release)


@pytest.fixture
def desk(new_desk: Callable[[], Desk]) -> Desk:
    """A machine where neither gem nor Bundler has ever run."""
    return new_desk()


@pytest.fixture
def source(registry: Registry, people: People) -> Source:
    """The organization's gems, as Alice sees them."""
    return Source(registry.origin, people.alice)


@pytest.fixture
def author(source: Source, tmp_path: Path) -> Author:
    """Alice, who works on a gem that nobody has pushed; she builds with Debian's."""
    debian = releases()[0]
    return Author(source, Desk(tmp_path / "author", debian), new_name())


@pytest.fixture
def recorder(registry: Registry) -> Iterator[Recorder]:
    """Writes down what clients ask of the registry."""
    with recording(registry.origin) as recorder:
        yield recorder


@pytest.fixture
def recorded(recorder: Recorder, people: People) -> Source:
    """The gems at the recorder's address, as Alice sees them."""
    return Source(recorder.origin, people.alice)
