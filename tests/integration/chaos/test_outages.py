"""MongoDB, Redis or S3 is away for half a minute, under load."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from app.standalone.process import running
from app.standalone.servers import MongoServer, RedisServer, S3Server
from config.settings import StorageBackend, load_settings
from tests.integration.chaos.conftest import ORGANIZATION, members
from tests.live import live_server
from tests.npm_wire import Answer, NpmWire, a_publish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.standalone.process import Child
    from config.settings import Settings
    from tests.integration.chaos.traffic import Member
    from tests.world import World

pytestmark = pytest.mark.chaos

OUTAGE_SECONDS = 30
RECOVERY_SECONDS = 30


@dataclass
class Services:
    """The processes of this test's own services."""

    mongodb: Child
    redis: Child
    s3: Child


@pytest.fixture
def services(tmp_path: Path) -> Iterator[tuple[Services, dict[str, object]]]:
    """MongoDB, Redis and S3 of this test alone, and the settings that lead to them."""
    mongodb = MongoServer(tmp_path / "mongodb", tmp_path / "mongodb.log")
    redis = RedisServer(tmp_path / "redis", tmp_path / "redis.log")
    s3 = S3Server(
        tmp_path / "s3",
        tmp_path / "s3.log",
        access_key="key",
        secret_key="secret-secret",  # noqa: S106  of a server that lives for one test
        bucket="registry",
    )
    with (
        running(mongodb.part()) as one,
        running(redis.part()) as two,
        running(s3.part()) as three,
    ):
        yield (
            Services(one, two, three),
            {
                "mongodb_url": mongodb.url,
                "redis_url": redis.url,
                "storage_backend": StorageBackend.S3,
                "s3_endpoint": s3.endpoint,
                "s3_access_key": s3.access_key,
                "s3_secret_key": s3.secret_key,
            },
        )


@pytest.fixture
def settings(settings: Settings, services: tuple[Services, dict[str, object]]) -> Settings:
    return load_settings(_env_file=None, **settings.model_dump() | services[1])


@dataclass
class Load:
    """Publishes and reads all the time, and notes each answer with its moment."""

    base: str
    token: str
    over: Event = field(default_factory=Event)
    publishes: list[tuple[float, str, Answer]] = field(default_factory=list)
    reads: list[tuple[float, Answer]] = field(default_factory=list)
    downloads: list[tuple[float, Answer]] = field(default_factory=list)

    def run(self) -> list[Thread]:
        threads = [
            Thread(target=target, daemon=True)
            for target in (self._publish, self._read, self._download)
        ]
        for one in threads:
            one.start()
        return threads

    def _publish(self) -> None:
        client = NpmWire(self.base, self.token, seconds=90)
        serial = 0
        while not self.over.is_set():
            serial += 1
            version = f"2.0.{serial}"
            answer = client.publish(a_publish("@acme/written", version))
            self.publishes.append((monotonic(), version, answer))
            self.over.wait(0.1)

    def _read(self) -> None:
        client = NpmWire(self.base, self.token, seconds=90)
        while not self.over.wait(0.02):
            self.reads.append((monotonic(), client.packument("@acme/read")))

    def _download(self) -> None:
        client = NpmWire(self.base, self.token, seconds=90)
        while not self.over.wait(0.05):
            self.downloads.append((monotonic(), client.tarball("@acme/read", "1.0.0")))


@dataclass
class Report:
    """What the load saw while a service was away, and when it came back."""

    load: Load
    began: float
    ended: float

    def during(self, answers: list[tuple[float, Answer]]) -> list[Answer]:
        """Answers that came while the service was away, but for the first seconds of it."""
        return [answer for moment, answer in answers if self.began + 5 < moment < self.ended]

    @property
    def publishes(self) -> list[tuple[float, Answer]]:
        return [(moment, answer) for moment, _, answer in self.load.publishes]


@contextmanager
def away(child: Child) -> Iterator[None]:
    """Suspend a service and all of its threads: it accepts, and never answers."""
    os.killpg(child.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(child.pid, signal.SIGCONT)


def under_load(
    child: Child, settings: Settings, member: Member, log: Path
) -> tuple[Report, NpmWire]:
    """Serve under load, take a service away for half a minute, and see it all recover."""
    with live_server(settings, log, workers=2) as server:
        base = f"{server.url}/r/{ORGANIZATION}/{member.repository_name}/npm/"
        client = NpmWire(base, member.owner.token, seconds=90)
        assert client.publish(a_publish("@acme/read")).status == 201
        assert client.publish(a_publish("@acme/written")).status == 201
        assert client.tarball("@acme/read", "1.0.0").status == 200
        load = Load(base, member.owner.token)
        threads = load.run()
        load.over.wait(3)
        began = monotonic()
        with away(child):
            load.over.wait(OUTAGE_SECONDS)
        ended = monotonic()
        load.over.wait(RECOVERY_SECONDS)
        load.over.set()
        for one in threads:
            one.join()
        _assert_recovered(load, ended)
        _assert_nothing_acknowledged_is_lost(load, client)
        return Report(load, began, ended), client


def _assert_recovered(load: Load, ended: float) -> None:
    late = ended + RECOVERY_SECONDS / 2
    assert {answer.status for moment, _, answer in load.publishes if moment > late} == {201}
    assert {answer.status for moment, answer in load.reads if moment > late} == {200}
    assert {answer.status for moment, answer in load.downloads if moment > late} == {200}


def _assert_nothing_acknowledged_is_lost(load: Load, client: NpmWire) -> None:
    acknowledged = {version for _, version, answer in load.publishes if answer.status == 201}
    packument = client.packument("@acme/written").json()
    assert acknowledged <= set(packument["versions"])
    for version in acknowledged:
        assert client.tarball("@acme/written", version).status == 200


def assert_says_try_again(answers: list[Answer]) -> None:
    """What is not answered is a 503 in npm's form, with the time to wait."""
    for answer in answers:
        if answer.status in {200, 201}:
            continue
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) > 0
        assert answer.json()["error"]


@pytest.fixture
def member(outside: World) -> Member:
    (member,) = members(outside, 1, spare_tokens=0)
    return member


def test_without_redis_reads_and_publishes_go_on(
    services: tuple[Services, dict[str, object]], settings: Settings, member: Member, tmp_path: Path
) -> None:
    report, _ = under_load(services[0].redis, settings, member, tmp_path / "web.log")
    assert {one.status for one in report.during(report.load.reads)} == {200}
    assert {one.status for one in report.during(report.load.downloads)} == {200}
    assert {one.status for one in report.during(report.publishes)} == {201}


def test_without_mongodb_all_that_cannot_be_known_says_try_again(
    services: tuple[Services, dict[str, object]], settings: Settings, member: Member, tmp_path: Path
) -> None:
    report, _ = under_load(services[0].mongodb, settings, member, tmp_path / "web.log")
    assert_says_try_again(report.during(report.load.reads))
    assert_says_try_again(report.during(report.load.downloads))
    assert_says_try_again(report.during(report.publishes))


def test_without_s3_documents_and_cached_artifacts_are_answered(
    services: tuple[Services, dict[str, object]], settings: Settings, member: Member, tmp_path: Path
) -> None:
    report, _ = under_load(services[0].s3, settings, member, tmp_path / "web.log")
    assert {one.status for one in report.during(report.load.reads)} == {200}
    assert {one.status for one in report.during(report.load.downloads)} == {200}
    assert_says_try_again(report.during(report.publishes))
