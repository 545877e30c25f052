"""Many push what they share while the garbage collector runs (acceptance row 20)."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pymongo import MongoClient

from tests.clients.oci.images import MIB, new_image, new_layer, write_layout
from tests.live import ROOT, settings_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.settings import Settings
    from tests.clients.oci.desk import Desk
    from tests.clients.oci.images import Image
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


def leave_behind(desk: Desk, wire: Wire, settings: Settings, name: str, image: Image) -> None:
    """Push an image and delete it, two days ago: what it had is for the collector."""
    layout = write_layout(desk.home / "left-behind", {"1": image})
    desk.run("crane", "push", layout, desk.image(f"{name}:1"))
    gone = wire.ask("DELETE", f"/v2/acme/{name}/manifests/{image.manifest.digest}")
    assert gone.status == 202, gone
    two_days_ago = datetime.now(UTC) - timedelta(days=2)
    digests = [part.digest.removeprefix("sha256:") for part in (*image.layers, image.config)]
    with MongoClient[dict[str, Any]](settings.mongodb_url) as client:
        for collection in ("oci_links", "oci_blobs"):
            aged = client[settings.mongodb_db][collection].update_many(
                {"sha256": {"$in": digests}}, {"$set": {"touched_at": two_days_ago}}
            )
            assert aged.matched_count == len(digests)


def test_everything_that_twenty_push_at_once_comes_back(
    images: Registry, desk: Desk, wire: Wire, name: str
) -> None:
    """Of whose layers three are being collected at that moment, for another name's sake."""
    desk.sign_in_as(images.people.alice, "crane")
    shared = (new_layer(MIB), new_layer(2 * MIB), new_layer())
    left_behind = new_image(*shared)
    leave_behind(desk, wire, images.settings, f"{name}/old", left_behind)
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
    for layer in left_behind.layers:
        assert wire.blob(f"acme/{name}/old", layer.digest).status == 404
    for image, one in zip(pushed, names, strict=True):
        assert wire.digest(f"acme/{one}", "1") == image.manifest.digest
        for part in (*image.layers, image.config):
            assert wire.blob(f"acme/{one}", part.digest).body == part.content
