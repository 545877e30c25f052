"""What every client that pushes does alike (acceptance rows 3 and 19)."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.clients.machine import UnexpectedEnd
from tests.clients.oci.gate import gate
from tests.clients.oci.images import MIB, new_image, new_layer, write_layout
from tests.clients.oci.places import PUBLIC
from tests.clients.oci.pushing import PUSHERS, push
from tests.clients.recorder import recording

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.clients.oci.desk import Desk
    from tests.clients.oci.images import Image
    from tests.clients.oci.wire import Wire
    from tests.clients.registry import Registry

pytestmark = pytest.mark.client


@pytest.fixture(params=PUSHERS)
def pusher(request: pytest.FixtureRequest) -> str:
    """Each client that pushes image layouts."""
    found: str = request.param
    return found


def assert_is_whole(wire: Wire, name: str, image: Image) -> None:
    assert wire.manifest(f"acme/{name}", "1").body == image.manifest.content
    for part in (*image.layers, image.config):
        assert wire.blob(f"acme/{name}", part.digest).body == part.content


def test_a_second_push_sends_nothing_twice(
    images: Registry, new_desk: Callable[..., Desk], wire: Wire, name: str, pusher: str
) -> None:
    image = new_image(new_layer())
    with recording(images.origin) as recorder:
        desk = new_desk(recorder.origin)
        desk.sign_in_as(images.people.alice, pusher)
        layout = write_layout(desk.home / "layout", {"1": image})
        push(desk, pusher, layout, f"{name}:1")
        assert_is_whole(wire, name, image)
        recorder.take()
        push(desk, pusher, layout, f"{name}:1")
        assert not [one for one in recorder.take() if "/uploads/" in one.path]


def test_who_may_only_read_is_denied(
    images: Registry, desk: Desk, wire: Wire, name: str, pusher: str
) -> None:
    desk.sign_in_as(images.people.bob, pusher)
    layout = write_layout(desk.home / "layout", {"1": new_image()})
    with pytest.raises(UnexpectedEnd, match=r"(?i)denied|forbidden|403"):
        push(desk, pusher, layout, f"{name}:1")
    assert wire.manifest(f"acme/{name}", "1").status == 404


def test_who_did_not_sign_in_is_told_so(desk: Desk, wire: Wire, name: str, pusher: str) -> None:
    layout = write_layout(desk.home / "layout", {"1": new_image()})
    for repository in ("", f"{PUBLIC}/"):
        with pytest.raises(UnexpectedEnd, match=r"(?i)unauthorized|authentication required|401"):
            push(desk, pusher, layout, f"{repository}{name}:1")
        assert wire.manifest(f"acme/{repository}{name}", "1").status == 404


def test_a_push_is_repeated_after_its_worker_was_killed(
    images: Registry, new_desk: Callable[..., Desk], wire: Wire, name: str, pusher: str
) -> None:
    image = new_image(new_layer(16 * MIB))
    with gate(images.origin, closes_after_bytes=6 * MIB) as passage:
        desk = new_desk(passage.origin)
        desk.sign_in_as(images.people.alice, pusher)
        layout = write_layout(desk.home / "layout", {"1": image})
        with ThreadPoolExecutor(1) as pool:
            broken = pool.submit(push, desk, pusher, layout, f"{name}:1")
            passage.wait_until_closed()
            for pid in images.server.worker_pids():
                os.kill(pid, signal.SIGKILL)
            passage.open()
            with suppress(UnexpectedEnd):  # some clients try again by themselves
                broken.result()
        push(desk, pusher, layout, f"{name}:1")
    assert_is_whole(wire, name, image)
