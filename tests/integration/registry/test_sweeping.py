"""What the sweeper removes, what it leaves alone, and how it goes about it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import orjson
import pytest
from bson import ObjectId

from app.extensions import store
from app.models import (
    File,
    PlatformSettings,
    PublishClaim,
    Version,
    VersionState,
    connection,
)
from app.models.fields import now
from app.registry.store_owner import MARKS
from app.registry.sweeping import sweep
from tests.new_settings import on_s3

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.settings import Settings
    from tests.world import World

DAY = timedelta(days=1)
MORE_THAN_A_BATCH = 600
IN_ANY_STORE = pytest.mark.parametrize("settings", ["files", "s3"], indirect=True)


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    if getattr(request, "param", "files") == "files":
        return settings
    return on_s3(settings, request.getfixturevalue("s3_server"))


@pytest.fixture(autouse=True)
def _in_the_app(world: World) -> Iterator[None]:
    with world.context():
        yield


def sweep_for_days(count: int, first: int = 0) -> int:
    """Sweep as often as all objects are looked at; returns how many were removed."""
    days = range(first, first + count)
    return sum(sweep(now() + day * DAY).orphan_objects for day in days)


def put_object(key: str) -> None:
    with store.stage(limit_bytes=100) as stage:
        stage.write(b"bytes")
        store.reveal(stage.finish(), key)


def put_many(settings: Settings, folder: str, count: int) -> list[str]:
    """Make objects as the store would, but without waiting for the disk for each."""
    directory = settings.data_dir / settings.storage_path / folder
    directory.mkdir(parents=True)
    for number in range(count):
        (directory / f"{number:04}").write_bytes(b"bytes")
    return [f"{folder}/{number:04}" for number in range(count)]


def version_with(*keys: str, state: VersionState = VersionState.PUBLISHED) -> Version:
    version = Version(
        package=ObjectId(),
        number="1.0.0",
        display_number="1.0.0",
        state=state,
        files=[File(filename=key, key=key, size_bytes=5, sha256="0" * 64) for key in keys],
        published_at=now(),
        withdrawn_at=now() if state is VersionState.WITHDRAWN else None,
    )
    version.save()
    return version


def keys() -> set[str]:
    return {one.key for one in store.list("") if not one.key.startswith(MARKS)}


def owners() -> list[str]:
    return [one.key for one in store.list(MARKS)]


def check_of_owner(world: World) -> dict[str, str]:
    """Return what an operator sees."""
    answer = world.app.test_client().get("/health")
    assert answer.status_code == 200  # reads go on
    check: dict[str, str] = orjson.loads(answer.data)["checks"]["store_owner"]
    return check


def become_another_database() -> None:
    """As after a start with another MONGODB_DB, or on an older dump."""
    PlatformSettings.objects.delete()
    PublishClaim.objects.delete()
    Version.objects.delete()


def test_what_no_row_names_goes_after_a_week() -> None:
    version_with("npm/named")
    put_object("npm/named")
    put_object("npm/left-over")
    assert sweep_for_days(7) == 0
    assert sweep_for_days(1, first=7) == 1
    assert keys() == {"npm/named"}


def test_what_no_row_names_is_kept_for_a_week_after_a_gap() -> None:
    """As after an older dump was restored: its last sweep was long ago."""
    sweep_for_days(10)
    put_object("npm/newer-than-the-dump")
    assert sweep_for_days(7, first=20) == 0
    assert sweep_for_days(1, first=27) == 1


def test_what_a_live_claim_names_stays() -> None:
    claim = PublishClaim(
        id="claim",
        attempt="a",
        repository=ObjectId(),
        keys=["npm/claimed"],
        expires_at=now() + 30 * DAY,
    )
    claim.save()
    put_object("npm/claimed")
    assert sweep_for_days(8) == 0
    assert keys() == {"npm/claimed"}


@IN_ANY_STORE
def test_an_empty_store_becomes_the_first_databases() -> None:
    sweep()
    (mark,) = owners()
    put_object("npm/left-over")
    assert sweep_for_days(8) == 1
    assert owners() == [mark]


@IN_ANY_STORE
def test_another_database_removes_nothing_and_says_what_to_do(
    world: World, settings: Settings
) -> None:
    sweep()
    (mark,) = owners()
    put_object("npm/of-the-other")
    become_another_database()
    version_with("npm/withdrawn", state=VersionState.WITHDRAWN)
    put_object("npm/withdrawn")
    assert sweep_for_days(8) == 0
    assert sweep(now() + DAY).withdrawn_files == 0
    assert keys() == {"npm/of-the-other", "npm/withdrawn"}
    check = check_of_owner(world)
    assert check["status"] == "failed"
    assert "MONGODB_DB" in check["error"]
    assert f"delete {settings.storage_path}/{mark} in it." in check["error"]

    store.delete(mark)
    assert sweep_for_days(8) == 1
    assert keys() == set()


@IN_ANY_STORE
def test_a_store_of_unknown_objects_is_not_taken(world: World, settings: Settings) -> None:
    put_object("npm/of-somebody")
    assert sweep_for_days(8) == 0
    assert owners() == []
    check = check_of_owner(world)
    assert check["status"] == "failed"
    assert "names none of the objects" in check["error"]

    mark = check["error"].partition(f"{settings.storage_path}/")[2].removesuffix(" in it.")
    put_object(mark)
    assert sweep_for_days(8) == 1


@IN_ANY_STORE
def test_a_store_without_a_mark_is_taken_by_the_database_that_names_its_objects() -> None:
    version_with("npm/named")
    put_object("npm/named")
    put_object("npm/left-over")
    assert sweep_for_days(8) == 1
    assert len(owners()) == 1


@IN_ANY_STORE
def test_a_store_that_two_databases_took_at_once_is_neithers() -> None:
    sweep()
    put_object(f"{MARKS}another")
    put_object("npm/left-over")
    assert sweep_for_days(8) == 0


def test_a_healthy_store_is_healthy(world: World) -> None:
    for _before_and_after in range(2):
        check = check_of_owner(world)
        assert check["status"] == "ok"
        sweep()


def test_a_listing_goes_on_where_the_time_was_up(settings: Settings) -> None:
    sweep_for_days(8)
    put_many(settings, "npm/left-over", MORE_THAN_A_BATCH)
    later = now() + 8 * DAY
    first = sweep(later, seconds=0).orphan_objects
    assert 0 < first < MORE_THAN_A_BATCH
    put_many(settings, "cargo/before-that", 1)
    rest = sweep(later + timedelta(minutes=15)).orphan_objects
    assert first + rest == MORE_THAN_A_BATCH
    assert keys() == {"cargo/before-that/0000"}
    assert sweep(later + 2 * DAY).orphan_objects == 1


def test_what_waits_on_this_node_is_swept_whosever_the_store_is() -> None:
    put_object("npm/of-somebody")
    with store.stage(limit_bytes=100) as dead:
        dead.write(b"bytes")
        assert sweep().staged_files == 0
        assert sweep(now() + DAY).staged_files == 1
    assert owners() == []


def test_the_bytes_of_withdrawn_versions_go_after_the_grace_and_only_once() -> None:
    version = version_with("npm/one", "npm/two", state=VersionState.WITHDRAWN)
    put_object("npm/one")
    put_object("npm/two")
    assert sweep().withdrawn_files == 0
    assert keys() == {"npm/one", "npm/two"}
    assert sweep(now() + timedelta(hours=2)).withdrawn_files == 2
    assert keys() == set()
    assert sweep(now() + timedelta(hours=2)).withdrawn_files == 0
    assert Version.objects.get(id=version.id).number == "1.0.0"


def test_what_was_removed_costs_nothing_when_the_rest_is_looked_for(settings: Settings) -> None:
    for number in range(30):
        version_with(f"npm/{number}", state=VersionState.WITHDRAWN)
    assert sweep(now() + timedelta(hours=2)).withdrawn_files == 30
    version_with("npm/last", state=VersionState.WITHDRAWN)
    database = connection.client()[settings.mongodb_db]
    database.command("profile", 2)
    assert sweep(now() + timedelta(hours=2)).withdrawn_files == 1
    database.command("profile", 0)
    looks = {"ns": f"{database.name}.versions", "op": "query", "command.filter.state": "withdrawn"}
    examined = [one["docsExamined"] for one in database["system.profile"].find(looks)]
    database.drop_collection("system.profile")
    assert examined == [1, 0]
