"""Publishing with every client (acceptance rows 2, 3, 4, 8, 21 and 25)."""

from __future__ import annotations

import base64
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.clients.npm.packages import installed_version, new_app, new_name, new_sources
from tests.npm_wire import NpmWire, a_publish

if TYPE_CHECKING:
    from tests.clients.npm.managers import Npm11, PackageManager
    from tests.clients.npm.set_up import SetUp
    from tests.clients.registry import Registry
    from tests.npm_wire import Answer

pytestmark = pytest.mark.client

SPEAKS_OF_A_DUPLICATE = "You cannot publish over the previously published versions: 1.0.0."
LEFT_BY_PACKERS = {"_resolved", "_from", "_integrity"}


def sha512(content: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


def test_npm_shows_the_very_bytes_that_it_published(
    npm: PackageManager, wire: NpmWire, registry: Registry
) -> None:
    sources = new_sources(npm.machine, new_name())
    packed = npm.run("pack", "--dry-run", "--json", cwd=sources.write("1.0.0")).json()[0]
    assert f"+ {sources.name}@1.0.0" in npm.publish(sources.folder).output
    shown = npm.run("view", sources.name, "dist", "--json").json()
    stored = wire.tarball(sources.name, "1.0.0").body
    assert shown["integrity"] == packed["integrity"] == sha512(stored)
    assert shown["tarball"] == (f"{registry.base}{sources.name}/-/{sources.base_name}-1.0.0.tgz")


def test_npm_is_told_that_a_version_is_taken(npm: PackageManager, wire: NpmWire) -> None:
    sources = new_sources(npm.machine, new_name())
    npm.publish(sources.write("1.0.0"))
    first = wire.tarball(sources.name, "1.0.0").body
    sources.write("1.0.0", description="not the same bytes")
    refused = npm.run("publish", "--force", cwd=sources.folder, fails=True)
    assert "E403" in refused.errors
    assert SPEAKS_OF_A_DUPLICATE in refused.errors
    assert wire.tarball(sources.name, "1.0.0").body == first


def test_every_client_publishes(client: PackageManager, wire: NpmWire) -> None:
    sources = new_sources(client.machine, new_name())
    client.publish(sources.write("1.0.0"))
    packument = wire.packument(sources.name).json()
    manifest = packument["versions"]["1.0.0"]
    assert packument["dist-tags"] == {"latest": "1.0.0"}
    assert manifest["bin"] == {sources.base_name: "cli.js"}
    assert LEFT_BY_PACKERS.isdisjoint(manifest)
    assert manifest["dist"]["integrity"] == sha512(wire.tarball(sources.name, "1.0.0").body)
    assert manifest["_npmUser"]["name"] == "alice"


def test_every_client_is_told_that_a_version_is_taken(client: PackageManager) -> None:
    sources = new_sources(client.machine, new_name())
    client.publish(sources.write("1.0.0"))
    sources.write("1.0.0", description="not the same bytes")
    assert "over the previously published" in client.publish(sources.folder, fails=True).text


def test_who_may_only_read_cannot_publish(
    set_up: SetUp, manager: type[PackageManager], registry: Registry, wire: NpmWire
) -> None:
    client = set_up(manager, registry.people.bob)
    sources = new_sources(client.machine, new_name())
    refused = client.publish(sources.write("1.0.0"), fails=True)
    assert "Publishing to acme/npm needs the role developer" in refused.text
    assert wire.packument(sources.name).status == 404


def test_what_was_published_just_now_is_installed(client: PackageManager, npm11: Npm11) -> None:
    sources = new_sources(npm11.machine, new_name())
    npm11.publish(sources.write("1.0.0"))
    app = new_app(client.machine)
    client.add(app, f"{sources.name}@1.0.0")
    npm11.publish(sources.write("1.1.0"))
    client.add(app, f"{sources.name}@1.1.0")
    assert installed_version(app, sources.name) == "1.1.0"


def test_one_of_a_hundred_parallel_publishes_wins(registry: Registry, wire: NpmWire) -> None:
    name = new_name()
    documents = [a_publish(name, description=f"attempt {number}") for number in range(100)]

    def publish(number: int) -> Answer:
        with closing(NpmWire(registry.base, registry.people.alice.token)) as one:
            return one.publish(documents[number])

    with ThreadPoolExecutor(max_workers=len(documents)) as pool:
        answers = list(pool.map(publish, range(len(documents))))
    winners = [number for number, answer in enumerate(answers) if answer.status == 201]
    assert len(winners) == 1
    assert {answer.status for answer in answers} - {201} <= {403, 409}
    assert wire.tarball(name, "1.0.0").body == documents[winners[0]].tarball
    assert json.loads(wire.packument(name).body)["dist-tags"] == {"latest": "1.0.0"}
