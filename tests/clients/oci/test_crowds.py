"""Many push what they share while the garbage collector runs (acceptance row 20)."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.clients.oci.images import MIB, new_image, new_layer, write_layout
from tests.live import ROOT, settings_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.settings import Settings
    from tests.clients.oci.desk import Desk
    from tests.clients.oci.wire import Wire
    from tests.clients.registry import Registry

pytestmark = pytest.mark.client

CROWD = 20


def collect_garbage(settings: Settings) -> None:
    subprocess.run(
        [sys.executable, "-m", "app.cli", "gc"],
        env={**os.environ, **settings_environment(settings)},
        cwd=ROOT,
        capture_output=True,
        check=True,
    )


@contextmanager
def garbage_is_collected(settings: Settings) -> Iterator[None]:
    """Collect garbage again and again for as long as the block; fails where it failed."""
    enough = threading.Event()

    def loop() -> int:
        rounds = 0
        while not enough.is_set():
            collect_garbage(settings)
            rounds += 1
        return rounds

    with ThreadPoolExecutor(1) as pool:
        collecting = pool.submit(loop)
        try:
            yield
        finally:
            enough.set()
        assert collecting.result() > 0


def test_everything_that_twenty_push_at_once_comes_back(
    images: Registry, desk: Desk, wire: Wire, name: str
) -> None:
    desk.sign_in_as(images.people.alice, "crane")
    shared = (new_layer(MIB), new_layer(2 * MIB), new_layer())
    pushed = [new_image(*shared) for _ in range(CROWD)]
    layouts = [
        write_layout(desk.home / f"layout-{number}", {"1": image})
        for number, image in enumerate(pushed)
    ]
    names = [f"{name}/{number}" for number in range(CROWD)]

    def push(number: int) -> None:
        desk.run("crane", "push", layouts[number], desk.image(f"{names[number]}:1"))

    with garbage_is_collected(images.settings), ThreadPoolExecutor(CROWD) as pool:
        list(pool.map(push, range(CROWD)))
    collect_garbage(images.settings)
    for image, one in zip(pushed, names, strict=True):
        assert wire.digest(f"acme/{one}", "1") == image.manifest.digest
        for part in (*image.layers, image.config):
            assert wire.blob(f"acme/{one}", part.digest).body == part.content
