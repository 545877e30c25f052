"""Web workers and the garbage collector are killed at random moments of pushing images."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import random
import secrets
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from app.extensions import store
from app.models import Blob, BlobLink, BlobUpload, Garbage
from app.models.fields import now
from app.protocols.oci import collecting
from app.protocols.oci.manifest_parsing import OCI_IMAGE
from config.settings import load_settings
from tests.live import ROOT, live_server, settings_environment

if TYPE_CHECKING:
    from pathlib import Path

    from config.settings import Settings
    from tests.live import LiveServer
    from tests.world import Person, World

pytestmark = pytest.mark.chaos

PUSHES = 200
PUSHERS = 5
LAYER_BYTES = 300_000


def sha256(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Pusher(Thread):
    """Pushes image after image, each again until it is acknowledged."""

    def __init__(self, number: int, server: LiveServer, person: Person, shared: bytes) -> None:
        super().__init__(daemon=True)
        self.name_of_image = f"acme/image-{number}"
        self.acknowledged: dict[str, tuple[bytes, ...]] = {}
        self.attempts = 0
        self._server = server
        self._headers = person.bearer
        self._shared = shared

    def run(self) -> None:
        for _ in range(PUSHES // PUSHERS):
            blobs = (b"{}", self._shared, secrets.token_bytes(LAYER_BYTES))
            manifest = _manifest(blobs)
            while not self._is_pushed(manifest, blobs):
                self.attempts += 1
            self.acknowledged[sha256(manifest)] = (manifest, *blobs)

    def _is_pushed(self, manifest: bytes, blobs: tuple[bytes, ...]) -> bool:
        with suppress(OSError, http.client.HTTPException):  # the worker was killed
            for content in blobs:
                self._push_blob(content)
            path = f"/v2/{self.name_of_image}/manifests/{sha256(manifest)}"
            status, _ = self.ask("PUT", path, manifest, {"Content-Type": OCI_IMAGE})
            return status == 201
        return False

    def _push_blob(self, content: bytes) -> None:
        """Push in as many requests as there can be, so that each may meet another worker."""
        digest = sha256(content)
        path = f"/v2/{self.name_of_image}/blobs"
        if self.ask("HEAD", f"{path}/{digest}")[0] == 200:
            return
        _, headers = self.ask("POST", f"{path}/uploads/")
        location, middle = headers.get("location", path), len(content) // 2
        self.ask("PATCH", location, content[:middle])
        self.ask("PATCH", location, content[middle:])
        self.ask("PUT", f"{location}?digest={digest}")

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str]]:
        """Send one request on a connection of its own; returns status and headers."""
        status, names, _ = self.read(method, path, body, headers)
        return status, names

    def read(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request on a connection of its own; returns the body too."""
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=60)
        try:
            connection.request(method, path, body, {**self._headers, **(headers or {})})
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return response.status, names, response.read()
        finally:
            connection.close()


def _manifest(blobs: tuple[bytes, ...]) -> bytes:
    config, *layers = (
        {"mediaType": "application/octet-stream", "digest": sha256(one), "size": len(one)}
        for one in blobs
    )
    return json.dumps(
        {"schemaVersion": 2, "mediaType": OCI_IMAGE, "config": config, "layers": layers}
    ).encode()


class Collector(Thread):
    """Runs the collector as a command again and again, and kills every other one."""

    def __init__(self, settings: Settings, over: Event, chance: random.Random) -> None:
        super().__init__(daemon=True)
        self.killed = self.finished = 0
        self._environment = {**os.environ, **settings_environment(settings)}
        self._over = over
        self._chance = chance

    def run(self) -> None:
        while not self._over.is_set():
            process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "gc"],
                env=self._environment,
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            with process:
                try:
                    process.wait(self._chance.uniform(1, 6))
                    self.finished += 1
                except subprocess.TimeoutExpired:
                    process.kill()
                    self.killed += 1


def test_killed_workers_and_collectors_leave_whole_images_and_no_orphans(
    settings: Settings, outside: World, tmp_path: Path
) -> None:
    settings = load_settings(_env_file=None, **settings.model_dump() | {"oci_grace_seconds": 4})
    owner = outside.person("olivia")
    outside.organization("acme", owner)
    outside.repository("acme", owner, "oci", protocol="oci")
    chance = random.Random(5)  # noqa: S311  reproducible moments
    over = Event()
    shared = secrets.token_bytes(LAYER_BYTES)
    collector = Collector(settings, over, chance)
    with live_server(settings, tmp_path / "web.log", workers=2) as server:
        pushers = [Pusher(number, server, owner, shared) for number in range(PUSHERS)]
        for one in (collector, *pushers):
            one.start()
        kills = 0
        while _go_on(pushers, chance.randint(1, 12), over):
            pids = server.worker_pids()
            if pids:
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(pids), signal.SIGKILL)
                    kills += 1
        over.set()
        collector.join()
        for one in pushers:
            _assert_whole(one)
    assert sum(len(one.acknowledged) for one in pushers) == PUSHES
    assert kills > 10
    assert sum(one.attempts for one in pushers) > 0
    assert collector.killed > 0
    with outside.context():
        _assert_sound(settings, pushers)


def _go_on(pushers: list[Pusher], more: int, over: Event) -> bool:
    """Wait until so many more pushes are acknowledged; return whether there are any left."""
    goal = more + sum(len(one.acknowledged) for one in pushers)
    while sum(len(one.acknowledged) for one in pushers) < goal:
        if not any(one.is_alive() for one in pushers):
            return False
        over.wait(0.01)
    return True


def _assert_whole(pusher: Pusher) -> None:
    for digest, (manifest, *blobs) in pusher.acknowledged.items():
        status, _, body = pusher.read("GET", f"/v2/{pusher.name_of_image}/manifests/{digest}")
        assert (status, body) == (200, manifest)
        for content in blobs:
            path = f"/v2/{pusher.name_of_image}/blobs/{sha256(content)}"
            status, _, body = pusher.read("GET", path)
            assert (status, body) == (200, content)


def _assert_sound(settings: Settings, pushers: list[Pusher]) -> None:
    collecting.collect(moment=now() + timedelta(days=2))
    needed = {
        sha256(content)
        for one in pushers
        for (_, *blobs) in one.acknowledged.values()
        for content in blobs
    }
    assert {f"sha256:{one.sha256}" for one in Blob.objects} == needed
    for blob in Blob.objects:
        assert hashlib.sha256(b"".join(store.open(blob.key))).hexdigest() == blob.sha256
    assert {one.sha256 for one in BlobLink.objects} == {one.sha256 for one in Blob.objects}
    assert (BlobUpload.objects.count(), Garbage.objects.count()) == (0, 0)
    assert {one.key for one in store.list("oci/")} == {one.key for one in Blob.objects}
    staging = settings.data_dir / "staging"
    assert [one for one in staging.rglob("*") if one.is_file()] == []
