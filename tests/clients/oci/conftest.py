"""The registry with places for images in it, and desks to use it from."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.clients.oci.desk import Desk
from tests.clients.oci.places import make_repositories
from tests.clients.oci.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.clients.registry import Registry


@pytest.fixture(scope="session")
def images(registry: Registry) -> Registry:
    """The registry with places for images."""
    make_repositories(Wire(registry.origin, registry.people.olivia))
    return registry


@pytest.fixture
def new_desk(images: Registry, tmp_path: Path) -> Callable[..., Desk]:
    """Sets up desks where nobody is signed in."""
    numbers = iter(range(1, 100))

    def make(origin: str = images.origin) -> Desk:
        return Desk(tmp_path / f"desk-{next(numbers)}", urlsplit(origin).netloc)

    return make


@pytest.fixture
def desk(new_desk: Callable[..., Desk]) -> Desk:
    """A desk where nobody is signed in."""
    return new_desk()


@pytest.fixture
def wire(images: Registry) -> Wire:
    """The registry's own answers to Alice."""
    return Wire(images.origin, images.people.alice)


@pytest.fixture
def name() -> str:
    """The name of an image that nobody has pushed, without the organization's."""
    return f"app-{secrets.token_hex(4)}"
