"""Publishes that end at the same time, each as if it had been alone."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import orjson
import pytest

from app.errors import Forbidden, UnprocessableInput, VersionExists
from app.models import (
    NameClaim,
    Package,
    PackageStatus,
    PendingEvent,
    PublishClaim,
    Version,
    VersionState,
)
from app.registry import publishing, resolution
from app.registry.names import PackageName
from app.registry.uploads import Upload
from tests.acme import acme_scope
from tests.npm_wire import a_publish

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.test import TestResponse

    from tests.world import Person, World

IN_ACME = acme_scope("npm")
AT_ONCE = 12


@pytest.fixture
def owner(world: World) -> Person:
    owner = world.person("olivia")
    world.organization("acme", owner)
    assert put(world.app, owner, "first", "1.0.0").status_code == 201
    return owner


def put(app: Flask, owner: Person, name: str, version: str) -> TestResponse:
    return app.test_client().put(
        f"/o/acme/npm/{name}",
        data=a_publish(name, version).body(),
        headers={**owner.bearer, "User-Agent": f"publisher of {name}@{version}"},
    )


def put_all(app: Flask, owner: Person, *wanted: tuple[str, str]) -> list[int]:
    with ThreadPoolExecutor(len(wanted)) as threads:
        answers = threads.map(lambda one: put(app, owner, *one).status_code, wanted)
        return list(answers)


def test_new_packages_and_new_versions_appear_together(
    app: Flask, world: World, owner: Person
) -> None:
    old = [(f"old-{number}", "1.0.0") for number in range(4)]
    assert put_all(app, owner, *old) == [201] * 4
    new = [(f"new-{number}", "1.0.0") for number in range(AT_ONCE)]
    next_ones = [(name, "2.0.0") for name, _ in old]
    assert put_all(app, owner, *new, *next_ones) == [201] * (AT_ONCE + 4)
    with world.context():
        rows = {row.name: row for row in Package.objects}
        assert {name: rows[name].revision for name, _ in (*old, *new)} == {
            **dict.fromkeys(dict(old), 2),
            **dict.fromkeys(dict(new), 1),
        }
        assert {rows[name].latest_number for name, _ in old} == {"2.0.0"}
        assert Version.objects.count() == 1 + 4 + AT_ONCE + 4
        assert {one.name for one in NameClaim.objects} == set(rows)
        assert PublishClaim.objects.count() == 0


def test_each_event_tells_of_its_own_request(app: Flask, world: World, owner: Person) -> None:
    wanted = [(f"new-{number}", "1.0.0") for number in range(AT_ONCE)]
    put_all(app, owner, *wanted)
    with world.context():
        events = [orjson.loads(one.body) for one in PendingEvent.objects]
    published = [one for one in events if one["action"] == "package.publish"]
    agents = {one["resource"]["name"]: one["user_agent"] for one in published}
    assert agents == {
        f"{name}@{version}": f"publisher of {name}@{version}"
        for name, version in (("first", "1.0.0"), *wanted)
    }
    assert len({one["request_id"] for one in published}) == AT_ONCE + 1


def test_names_that_are_too_similar_do_not_keep_the_others_out(
    app: Flask, world: World, owner: Person
) -> None:
    similar = [("left-pad", "1.0.0"), ("left_pad", "1.0.0"), ("left.pad", "1.0.0")]
    others = [(f"new-{number}", "1.0.0") for number in range(6)]
    assert put_all(app, owner, *similar, *others) == [201] * 9
    with world.context():
        claimed = {one.name for one in NameClaim.objects}
        assert Package.objects.count() == 1 + 9
    assert len(claimed & dict(similar).keys()) == 1
    assert dict(others).keys() <= claimed


def test_many_versions_of_one_package_at_once_are_all_there(
    app: Flask, world: World, owner: Person
) -> None:
    wanted = [("thing", f"1.0.{number}") for number in range(AT_ONCE)]
    assert put_all(app, owner, *wanted) == [201] * AT_ONCE
    answer = app.test_client().get("/o/acme/npm/thing", headers=owner.bearer)
    assert set(json.loads(answer.get_data())["versions"]) == {version for _, version in wanted}
    with world.context():
        assert Package.objects(name="thing").get().revision == AT_ONCE


@pytest.mark.parametrize("size_bytes", [16 * 1024**2 - 100, 24 * 1024**2])
def test_a_version_that_says_more_than_a_row_holds_is_refused_for_good(
    world: World, owner: Person, size_bytes: int
) -> None:
    """MongoDB refuses what is a little larger than a row, and pymongo what is much larger."""
    name = PackageName(protocol="npm", normal="thing", display="thing")
    upload = Upload(
        name=name,
        number="1.0.0",
        display_number="1.0.0",
        files=(),
        manifest=b"{}",
        facts={"provenance": "x" * size_bytes},
    )
    with world.context():
        target = resolution.for_publish(owner.principal, IN_ACME, name)
        with pytest.raises(UnprocessableInput):
            publishing.publish(owner.principal, target, upload)
        assert PublishClaim.objects.count() == 0


@pytest.mark.parametrize("state", list(VersionState))
def test_a_number_that_was_published_since_it_was_looked_for_is_refused(
    app: Flask, world: World, owner: Person, state: VersionState
) -> None:
    name = PackageName(protocol="npm", normal="thing", display="thing")
    with world.context():
        target = resolution.for_publish(owner.principal, IN_ACME, name)
    assert put(app, owner, "thing", "1.0.0").status_code == 201
    upload = Upload(name=name, number="1.0.0", display_number="1.0.0", files=(), manifest=b"{}")
    with world.context():
        Version.objects(number="1.0.0").update(set__state=state)
        with pytest.raises(VersionExists) as refused:
            publishing.publish(owner.principal, target, upload)
        assert refused.value.is_withdrawn is (state is VersionState.WITHDRAWN)
        assert PublishClaim.objects.count() == 0


@pytest.mark.parametrize("status", [PackageStatus.ARCHIVED, PackageStatus.QUARANTINED])
def test_nothing_is_added_to_what_was_closed_since_it_was_looked_at(
    app: Flask, world: World, owner: Person, status: PackageStatus
) -> None:
    name = PackageName(protocol="npm", normal="thing", display="thing")
    assert put(app, owner, "thing", "1.0.0").status_code == 201
    upload = Upload(name=name, number="1.1.0", display_number="1.1.0", files=(), manifest=b"{}")
    with world.context():
        target = resolution.for_publish(owner.principal, IN_ACME, name)
        Package.objects(name="thing").update(set__status=status, set__status_reason="bad")
        with pytest.raises(Forbidden, match=rf"thing is {status} \(bad\)"):
            publishing.publish(owner.principal, target, upload)
        assert not Version.objects(number="1.1.0")
        assert PublishClaim.objects.count() == 0
