"""A repository's own rules, and what clients show of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.machine import UnexpectedEnd
from tests.clients.oci.images import KIB, Image, new_image, new_layer, write_layout
from tests.clients.oci.places import FIXED, SMALL
from tests.clients.oci.pushing import PUSHERS, push

if TYPE_CHECKING:
    from tests.clients.oci.desk import Desk
    from tests.clients.oci.wire import Wire
    from tests.clients.registry import People

pytestmark = pytest.mark.client


class Pusher:
    """A client at Alice's desk."""

    def __init__(self, desk: Desk, people: People, program: str) -> None:
        self._desk = desk
        self._program = program
        desk.sign_in_as(people.alice, program)

    def push(self, image: Image, name: str) -> None:
        layout = self._desk.home / f"layout-{image.manifest.digest[-8:]}"
        if not layout.exists():
            write_layout(layout, {"1": image})
        push(self._desk, self._program, layout, name)


@pytest.fixture(params=PUSHERS)
def pusher(request: pytest.FixtureRequest, desk: Desk, people: People) -> Pusher:
    """Each client that pushes image layouts."""
    return Pusher(desk, people, request.param)


def test_a_fixed_tag_does_not_move(pusher: Pusher, wire: Wire, name: str) -> None:
    image = new_image()
    pusher.push(image, f"{FIXED}/{name}:v1")
    pusher.push(image, f"{FIXED}/{name}:v1")  # the same again changes nothing
    with pytest.raises(UnexpectedEnd, match="immutable"):
        pusher.push(new_image(), f"{FIXED}/{name}:v1")
    assert wire.digest(f"acme/{FIXED}/{name}", "v1") == image.manifest.digest


def test_other_tags_move_there(pusher: Pusher, wire: Wire, name: str) -> None:
    images = new_image(), new_image()
    for image in images:
        pusher.push(image, f"{FIXED}/{name}:latest")
    assert wire.digest(f"acme/{FIXED}/{name}", "latest") == images[1].manifest.digest


def test_a_blob_over_the_limit_is_refused(pusher: Pusher, wire: Wire, name: str) -> None:
    with pytest.raises(UnexpectedEnd, match=r"(?i)too large|limit|larger"):
        pusher.push(new_image(new_layer(80 * KIB)), f"{SMALL}/{name}:1")
    assert wire.manifest(f"acme/{SMALL}/{name}", "1").status == 404
