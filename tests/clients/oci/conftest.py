"""The registry with places for images in it, and desks to use it from."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.clients.oci.desk import Desk
from tests.clients.oci.wire import Wire
from tests.clients.registry import ORGANIZATION

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.clients.registry import Registry


PUBLIC = "pub"
"""The repository that anybody may read; its images' names begin with it."""


@pytest.fixture(scope="session")
def images(registry: Registry) -> Registry:
    """The registry with a private place for images and a public one, kept by Alice."""
    owner = Wire(registry.origin, registry.people.olivia)
    for name, visibility in (("oci", "private"), (PUBLIC, "public")):
        new = {"name": name, "protocol": "oci", "visibility": visibility}
        made = owner.api("POST", f"/organizations/{ORGANIZATION}/repositories", new)
        grants = f"/repositories/{made['id']}/permissions/users"
        owner.api("PUT", f"{grants}/alice", {"role": "maintainer"})
        owner.api("PUT", f"{grants}/bob", {"role": "reader"})
    return registry


@pytest.fixture
def new_desk(images: Registry, tmp_path: Path) -> Callable[[], Desk]:
    """Sets up desks where nobody is signed in."""
    numbers = iter(range(1, 100))

    def make(origin: str = images.origin) -> Desk:
        return Desk(tmp_path / f"desk-{next(numbers)}", urlsplit(origin).netloc)

    return make


@pytest.fixture
def desk(new_desk: Callable[[], Desk]) -> Desk:
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
