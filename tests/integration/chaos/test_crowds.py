"""Many publishers at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from tests.integration.chaos.conftest import ORGANIZATION, members
from tests.live import live_server
from tests.npm_wire import NpmWire, a_publish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from config.settings import Settings
    from tests.integration.chaos.traffic import Member
    from tests.live import LiveServer
    from tests.npm_wire import Answer
    from tests.world import World

pytestmark = pytest.mark.chaos

DUPLICATE = "You cannot publish over the previously published versions: 1.0.0."


@pytest.fixture
def server(settings: Settings, outside: World, tmp_path: Path) -> Iterator[LiveServer]:
    del outside
    with live_server(settings, tmp_path / "web.log", workers=2) as server:
        yield server


@pytest.fixture
def member(outside: World) -> Member:
    (member,) = members(outside, 1, spare_tokens=0)
    return member


def client(server: LiveServer, member: Member) -> NpmWire:
    base = f"{server.url}/r/{ORGANIZATION}/{member.repository_name}/npm/"
    return NpmWire(base, member.owner.token, seconds=120)


def test_of_a_hundred_publishes_of_one_version_one_wins(server: LiveServer, member: Member) -> None:
    start = Barrier(100)
    documents = [a_publish("@acme/thing", description=f"attempt {n}") for n in range(100)]

    def publish(number: int) -> Answer:
        one = client(server, member)
        start.wait()
        try:
            return one.publish(documents[number])
        finally:
            one.close()

    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(publish, range(100)))
    winners = [number for number, answer in enumerate(answers) if answer.status == 201]
    losers = [answer for answer in answers if answer.status != 201]
    assert len(winners) == 1
    assert {(one.status, one.json()["error"]) for one in losers} == {(403, DUPLICATE)}
    stored = client(server, member).tarball("@acme/thing", "1.0.0")
    assert stored.body == documents[winners[0]].tarball


def test_two_hundred_packages_of_sixteen_clients_are_all_there(
    server: LiveServer, member: Member
) -> None:
    documents = [a_publish(f"@acme/package-{number}") for number in range(200)]

    def publish_share(share: int) -> None:
        one = client(server, member)
        for document in documents[share::16]:
            assert one.publish(document).status == 201
        one.close()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(publish_share, range(16)))
    reader = client(server, member)
    for document in documents:
        assert reader.packument(document.name).json()["dist-tags"] == {"latest": "1.0.0"}
        assert reader.tarball(document.name, "1.0.0").body == document.tarball
