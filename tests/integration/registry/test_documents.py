"""What processes share of the documents that they render."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from app.models import Package, Version
from app.models.rows import rows_of
from app.registry.documents import read_snapshot
from tests.npm_wire import a_publish

if TYPE_CHECKING:
    from flask import Flask
    from redis import Redis

    from config.settings import Settings
    from tests.world import Person, World


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """With the public URL that a test asks for."""
    return settings.model_copy(update={"public_url": request.param})


@pytest.fixture
def owner(world: World) -> Person:
    owner = world.person("olivia")
    world.organization("acme", owner)
    answer = world.app.test_client().put(
        "/o/acme/npm/thing", data=a_publish("thing").body(), headers=owner.bearer
    )
    assert answer.status_code == 201
    return owner


def read(app: Flask, owner: Person, path: str = "thing", host: str = "packages.test") -> bytes:
    answer = app.test_client().get(f"/o/acme/npm/{path}", headers={**owner.bearer, "Host": host})
    assert answer.status_code == 200
    return answer.get_data()


def shared(redis: Redis, settings: Settings) -> list[bytes]:
    return list(redis.scan_iter(f"{settings.redis_prefix}doc:*"))


@pytest.mark.parametrize("settings", ["https://packages.test"], indirect=True)
def test_a_document_is_shared_under_one_key_however_it_is_asked_for(
    app: Flask, owner: Person, redis: Redis, settings: Settings
) -> None:
    for host in ("packages.test", "other.test", "third.test"):
        read(app, owner, host=host)
    assert len(shared(redis, settings)) == 1


@pytest.mark.parametrize("settings", ["https://packages.test"], indirect=True)
def test_what_a_client_may_name_in_many_ways_is_not_shared(
    app: Flask, owner: Person, redis: Redis, settings: Settings
) -> None:
    for reference in ("1.0.0", "latest", "^1.0.0", "1.x", ">=0.1"):
        read(app, owner, f"thing/{reference}")
    assert shared(redis, settings) == []


@pytest.mark.parametrize("settings", [""], indirect=True)
def test_without_a_public_url_nothing_is_shared(
    app: Flask, owner: Person, redis: Redis, settings: Settings
) -> None:
    for host in ("packages.test", "other.test"):
        read(app, owner, host=host)
    assert shared(redis, settings) == []


@pytest.mark.parametrize("settings", ["https://packages.test"], indirect=True)
def test_a_revision_that_was_lost_and_counted_again_shows_nothing_of_the_first(
    app: Flask, owner: Person, world: World, redis: Redis, settings: Settings
) -> None:
    ghost = read(app, owner)
    assert len(shared(redis, settings)) == 1
    with world.context():
        # What a failover does: the change is gone, and another one gets its revision.
        rows_of(Version).update_one({}, {"$set": {"deprecated": "use another one"}})
        row = Package.objects.get()
        row.update(set__updated_at=row.updated_at + timedelta(seconds=3))
    restarted = app.extensions["packhouse.coherence"]
    restarted.stop()
    restarted.start()
    assert b"use another one" not in ghost
    assert b"use another one" in read(app, owner)


@pytest.mark.parametrize("settings", [""], indirect=True)
@pytest.mark.parametrize(
    ("manifests_of", "read_of"),
    [
        (None, {"1.0.0", "2.0.0"}),
        (frozenset(), set()),
        (frozenset({"2.0.0"}), {"2.0.0"}),
        (frozenset({"3.0.0"}), set()),
        (frozenset({""}), {"2.0.0"}),
    ],
    ids=["all", "none", "one", "one that is not there", "that which speaks for it"],
)
def test_a_snapshot_has_the_manifests_that_were_asked_for(
    app: Flask, owner: Person, world: World, manifests_of: frozenset[str] | None, read_of: set[str]
) -> None:
    body = a_publish("thing", "2.0.0").body()
    answer = app.test_client().put("/o/acme/npm/thing", data=body, headers=owner.bearer)
    assert answer.status_code == 201
    with world.context():
        package = Package.objects.get().id
        snapshot = read_snapshot(package, manifests_of=manifests_of)
    assert [row["number"] for row in snapshot.versions] == ["1.0.0", "2.0.0"]
    assert {row["number"] for row in snapshot.versions if row.get("manifest")} == read_of
