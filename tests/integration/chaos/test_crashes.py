"""A web worker is killed at random moments of publishing."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import random
import signal
from contextlib import suppress
from datetime import timedelta
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from app.extensions import store
from app.models import PublishClaim, Version
from app.models.fields import now
from app.registry.sweeping import sweep
from tests.integration.chaos.conftest import ORGANIZATION, members
from tests.live import live_server
from tests.npm_wire import NpmWire, PublishDocument, tarball

if TYPE_CHECKING:
    from pathlib import Path

    from config.settings import Settings
    from tests.integration.chaos.traffic import Member
    from tests.live import LiveServer
    from tests.world import World

pytestmark = pytest.mark.chaos

KILLS = 50
PUBLISHERS = 6


class Publisher(Thread):
    """Publishes version after version, and notes which were acknowledged."""

    def __init__(self, number: int, server: LiveServer, member: Member, over: Event) -> None:
        super().__init__(daemon=True)
        self.name_of_package = f"@acme/package-{number}"
        self.sent: dict[str, bytes] = {}
        self.acknowledged: set[str] = set()
        self._base = f"{server.url}/r/{ORGANIZATION}/{member.repository_name}/npm/"
        self._token = member.owner.token
        self._over = over

    def run(self) -> None:
        client = NpmWire(self._base, self._token, seconds=60)
        serial = 0
        while not self._over.is_set():
            serial += 1
            version = f"1.0.{serial}"
            package_json = {"name": self.name_of_package, "version": version}
            content = tarball(package_json, {"data": os.urandom(200_000)})
            self.sent[version] = content
            document = PublishDocument(self.name_of_package, version, content)
            with suppress(OSError, http.client.HTTPException):  # the worker was killed
                if client.publish(document).status == 201:
                    self.acknowledged.add(version)


def test_a_killed_worker_leaves_whole_versions_or_nothing(
    settings: Settings, outside: World, tmp_path: Path
) -> None:
    (member,) = members(outside, 1, spare_tokens=0)
    chance = random.Random(5)  # noqa: S311  reproducible moments
    over = Event()
    with live_server(settings, tmp_path / "web.log", workers=2) as server:
        publishers = [Publisher(number, server, member, over) for number in range(PUBLISHERS)]
        for one in publishers:
            one.start()
        kills = 0
        while kills < KILLS:
            over.wait(chance.uniform(0.05, 0.5))
            pids = server.worker_pids()
            if pids:
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(pids), signal.SIGKILL)
                    kills += 1
        over.set()
        for one in publishers:
            one.join()
        for one in publishers:
            _assert_whole(one, server, member)
        assert sum(len(one.acknowledged) for one in publishers) > 0
    with outside.context():
        _assert_the_sweeper_leaves_no_orphan(settings)


def _assert_whole(publisher: Publisher, server: LiveServer, member: Member) -> None:
    base = f"{server.url}/r/{ORGANIZATION}/{member.repository_name}/npm/"
    client = NpmWire(base, member.owner.token)
    answer = client.packument(publisher.name_of_package)
    visible = answer.json()["versions"] if answer.status == 200 else {}
    assert publisher.acknowledged <= set(visible)
    for version, content in publisher.sent.items():
        stored = client.tarball(publisher.name_of_package, version)
        if version not in visible:
            assert stored.status == 404
            continue
        digest = base64.b64encode(hashlib.sha512(stored.body).digest()).decode()
        assert visible[version]["dist"]["integrity"] == f"sha512-{digest}"
        assert stored.body == content


def _assert_the_sweeper_leaves_no_orphan(settings: Settings) -> None:
    for day in range(9):
        sweep(now() + timedelta(days=day))
    assert PublishClaim.objects.count() == 0
    named = {file.key for one in Version.objects for file in one.files}
    assert {one.key for one in store.list("npm/")} == named
    staging = settings.data_dir / "staging"
    assert [one for one in staging.rglob("*") if one.is_file()] == []
