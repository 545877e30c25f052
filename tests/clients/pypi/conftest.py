"""Machines with Python, and a project of its own for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.pypi.author import Author
from tests.clients.pypi.desk import Desk
from tests.clients.pypi.index import Index
from tests.clients.pypi.projects import new_name
from tests.clients.recorder import recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.clients.recorder import Recorder
    from tests.clients.registry import People, Registry


@pytest.fixture
def new_desk(tmp_path: Path) -> Callable[[], Desk]:
    """Sets up machines where no client has ever run."""
    numbers = iter(range(1, 100))
    return lambda: Desk(tmp_path / f"desk-{next(numbers)}")


@pytest.fixture
def desk(new_desk: Callable[[], Desk]) -> Desk:
    """A machine where no client has ever run."""
    return new_desk()


@pytest.fixture
def index(registry: Registry, people: People) -> Index:
    """The organization's index, as Alice sees it."""
    return Index(registry.origin, people.alice)


@pytest.fixture
def author(index: Index, tmp_path: Path) -> Author:
    """Alice, who works on a project that nobody has published."""
    return Author(index, tmp_path / "author", new_name())


@pytest.fixture
def recorder(registry: Registry) -> Iterator[Recorder]:
    """Writes down what clients ask of the registry."""
    with recording(registry.origin) as recorder:
        yield recorder


@pytest.fixture
def recorded(recorder: Recorder, people: People) -> Index:
    """The index at the recorder's address."""
    return Index(recorder.origin, people.alice)
