"""What the collector removes, and what it never does."""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from app.extensions import store
from app.models import Blob, BlobLink, BlobUpload, Garbage, Manifest
from app.models.fields import now
from app.protocols.oci import collecting
from app.protocols.oci.commands import create_command
from app.registry import sweeping
from app.registry.store_owner import StoreNotOurs
from config.settings import load_settings
from tests.integration.protocols.oci.conftest import (
    Image,
    Oci,
    an_image,
    an_index,
    code_of,
    sha256,
)
from tests.new_settings import on_s3
from tests.stores import put
from workers.collecting import collect as collect_task

if TYPE_CHECKING:
    from datetime import datetime

    from app.protocols.oci.collecting import Collected, Finding
    from config.settings import Settings
    from tests.acme import Acme
    from tests.world import World

CONTENT = b"a blob that nobody needs"
MIB = 1024 * 1024


def later(hours: float = 25) -> datetime:
    return now() + timedelta(hours=hours)


def collected(world: World, moment: datetime | None = None, **more: Any) -> Collected:
    with world.context():
        return collecting.collect(moment=moment or later(), **more)


def stored(settings: Settings) -> list[str]:
    files = (one for one in settings.data_dir.rglob("*") if one.is_file())
    return [one.name for one in files if one.parent.name != "_owner"]


def the_image_is_whole(oci: Oci, image: Image, reference: str | None = None) -> None:
    assert oci.get(f"manifests/{reference or image.digest}").get_data() == image.manifest
    for content in image.blobs:
        assert oci.get(f"blobs/{sha256(content)}").get_data() == content


def test_what_nobody_needs_goes_after_the_grace_period_and_not_before(
    oci: Oci, world: World, settings: Settings
) -> None:
    digest = oci.blob(CONTENT)
    assert collected(world, later(23)).counts == {}
    assert oci.get(f"blobs/{digest}").status_code == 200
    found = collected(world)
    assert dict(found.counts) == {"link": 1, "blob": 1}
    assert found.freed_bytes == len(CONTENT)
    assert found.is_complete
    assert stored(settings) == []
    assert (Blob.objects.count(), BlobLink.objects.count(), Garbage.objects.count()) == (0, 0, 0)


def test_what_a_manifest_needs_stays_tagged_or_not(oci: Oci, world: World) -> None:
    tagged, untagged = an_image(), an_image()
    oci.push(tagged, "1")
    oci.push(untagged)
    assert collected(world).counts == {}
    the_image_is_whole(oci, tagged, "1")
    the_image_is_whole(oci, untagged)


def test_children_of_an_index_stay_although_no_tag_names_them(oci: Oci, world: World) -> None:
    children = [an_image() for _ in range(2)]
    for child in children:
        oci.push(child)
    index = an_index(*children)
    oci.push(index, "multi")
    assert collected(world, later(9999)).counts == {}
    for child in children:
        the_image_is_whole(oci, child)


def test_what_another_package_needs_stays_there(oci: Oci, world: World) -> None:
    image = an_image(CONTENT)
    oci.push(image, "1")
    other = oci.named("acme/other")
    other.blob(CONTENT)
    assert dict(collected(world).counts) == {"link": 1}
    the_image_is_whole(oci, image, "1")
    assert code_of(other.get(f"blobs/{sha256(CONTENT)}")) == (404, "BLOB_UNKNOWN")


def test_a_deleted_image_frees_what_only_it_needed(
    oci: Oci, world: World, settings: Settings
) -> None:
    shared = b"shared"
    first, second = an_image(shared, b"first"), an_image(shared, b"second")
    oci.push(first, "1")
    oci.push(second, "2")
    oci.delete(f"manifests/{first.digest}")
    assert collected(world).freed_bytes == len(b"first")
    the_image_is_whole(oci, second, "2")
    assert len(stored(settings)) == 3


def test_who_was_told_that_a_blob_is_there_can_rely_on_it(oci: Oci, world: World) -> None:
    digest = oci.blob(CONTENT)
    BlobLink.objects.update(set__touched_at=now() - timedelta(hours=7))
    assert oci.head(f"blobs/{digest}").status_code == 200
    assert collected(world, later(23)).counts == {}
    assert BlobLink.objects.get().touched_at > now() - timedelta(minutes=1)


def test_a_hot_read_writes_nothing(oci: Oci) -> None:
    digest = oci.blob(CONTENT)
    BlobLink.objects.update(set__touched_at=now() - timedelta(hours=5))
    before = BlobLink.objects.get().touched_at
    for _ in range(3):
        assert oci.head(f"blobs/{digest}").status_code == 200
    assert BlobLink.objects.get().touched_at == before


def test_a_blob_that_was_collected_can_be_pushed_again(oci: Oci, world: World) -> None:
    digest = oci.blob(CONTENT)
    first_key = Blob.objects.get().key
    collected(world)
    assert oci.head(f"blobs/{digest}").status_code == 404
    oci.blob(CONTENT)
    assert oci.get(f"blobs/{digest}").get_data() == CONTENT
    assert Blob.objects.get().key != first_key


def test_a_collector_that_was_thought_dead_removes_nothing_of_a_later_push(
    oci: Oci, world: World
) -> None:
    oci.blob(CONTENT)
    key = Blob.objects.get().key
    collected(world)
    oci.blob(CONTENT)
    with world.context():
        Garbage(key=key, size_bytes=1).save()
    collected(world, now())
    assert oci.get(f"blobs/{sha256(CONTENT)}").get_data() == CONTENT


def test_an_upload_that_nobody_goes_on_with_goes(
    oci: Oci, world: World, settings: Settings
) -> None:
    location = oci.begin()
    oci.request("PATCH", location, CONTENT)
    assert len(stored(settings)) == 1
    assert collected(world, later(23)).counts == {}
    found = collected(world)
    assert (dict(found.counts), found.freed_bytes) == ({"upload": 1}, len(CONTENT))
    assert stored(settings) == []
    assert code_of(oci.request("PATCH", location, CONTENT)) == (404, "BLOB_UPLOAD_UNKNOWN")


@pytest.mark.parametrize("is_stored", [False, True])
def test_an_upload_whose_finisher_died_goes(
    oci: Oci, world: World, settings: Settings, *, is_stored: bool
) -> None:
    location = oci.begin()
    oci.request("PATCH", location, CONTENT)
    uploads = BlobUpload._get_collection()
    row = uploads.find_one({})
    assert row is not None
    if is_stored:
        # It died after the object was complete, before its transaction.
        oci.request("PUT", f"{location}?digest={sha256(CONTENT)}")
        row["key"] = Blob.objects.get().key
        Blob.objects.delete()
        BlobLink.objects.delete()
    uploads.replace_one({"_id": row["_id"]}, {**row, "state": "finishing"}, upsert=True)
    assert code_of(oci.request("PATCH", location, CONTENT)) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert collected(world).counts["upload"] == 1
    assert stored(settings) == []


def test_what_a_deleted_package_held_goes_and_what_is_pushed_again_stays(
    oci: Oci, world: World, acme: Acme, settings: Settings
) -> None:
    oci.push(an_image(), "1")
    client = world.app.test_client()
    found = client.get("/api/v1/packages/by-name/oci/acme/app", headers=acme.owner.bearer)
    client.delete(f"/api/v1/packages/{found.get_json()['id']}", headers=acme.owner.bearer)
    counts = collected(world).counts
    assert counts["package"] == 1
    assert counts["blob"] == 2
    assert stored(settings) == []
    assert Manifest.objects.count() == 0
    image = an_image()
    oci.push(image, "1")
    collected(world, now())
    the_image_is_whole(oci, image, "1")


def test_a_package_that_nothing_was_ever_in_goes_and_others_stay(oci: Oci, world: World) -> None:
    oci.request("DELETE", oci.begin())
    assert oci.tags() == []
    kept = oci.named("acme/kept")
    kept.push(an_image(), "1")
    kept.delete("manifests/1")
    assert collected(world).counts == {"package": 1}
    assert code_of(oci.get("tags/list")) == (404, "NAME_UNKNOWN")
    assert kept.tags() == []
    oci.push(an_image(), "1")
    assert oci.tags() == ["1"]


def test_a_run_that_is_out_of_time_leaves_the_rest_to_the_next(oci: Oci, world: World) -> None:
    for number in range(3):
        oci.blob(f"blob {number}".encode())
    first = collected(world, seconds=0)
    assert not first.is_complete
    assert collected(world).is_complete
    assert (Blob.objects.count(), Garbage.objects.count()) == (0, 0)


def test_the_preview_says_what_is_collected_then(oci: Oci, world: World) -> None:
    oci.push(an_image(), "1")
    oci.blob(CONTENT)
    oci.named("acme/other").blob(CONTENT)
    oci.named("acme/other").blob(b"another")
    oci.request("PATCH", oci.begin(), b"abandoned")
    told: list[Finding] = []
    with world.context():
        said = collecting.preview(moment=later(), tell=told.append)
        assert Blob.objects.count() == 4
    done: list[Finding] = []
    found = collected(world, tell=done.append)
    assert (said.counts, said.freed_bytes) == (found.counts, found.freed_bytes)
    assert sorted(map(str, told)) == sorted(map(str, done))


def test_the_command_says_what_and_how_many_bytes(world: World, oci: Oci) -> None:
    oci.blob(CONTENT)
    BlobLink.objects.update(set__touched_at=now() - timedelta(days=2))
    Blob.objects.update(set__touched_at=now() - timedelta(days=2))
    command = create_command(lambda: world.app)
    preview = CliRunner().invoke(command, ["--dry-run"])
    assert preview.exit_code == 0, preview.output
    assert f"1 blobs, 1 links would be removed: {len(CONTENT)} bytes." in preview.output
    assert Blob.objects.count() == 1
    assert f"removed: {len(CONTENT)} bytes." in CliRunner().invoke(command, []).output
    assert Blob.objects.count() == 0


def test_the_task_collects(oci: Oci, world: World) -> None:
    oci.blob(CONTENT)
    BlobLink.objects.update(set__touched_at=now() - timedelta(days=2))
    Blob.objects.update(set__touched_at=now() - timedelta(days=2))
    with world.context():
        collect_task()
    assert Blob.objects.count() == 0


def test_the_sweeper_leaves_what_rows_name_and_takes_what_none_does(
    oci: Oci, world: World, settings: Settings
) -> None:
    image = an_image()
    oci.push(image, "1")
    lost = oci.blob(CONTENT)
    begun = oci.begin()
    oci.request("PATCH", begun, CONTENT)
    key = Blob.objects(sha256=lost.removeprefix("sha256:")).get().key
    # As a crash of MongoDB might leave it: the object is there, and no row of it.
    BlobLink.objects(sha256=lost.removeprefix("sha256:")).delete()
    Blob.objects(key=key).delete()
    with world.context():
        for day in range(10):
            sweeping.sweep(later(24 * day))
    the_image_is_whole(oci, image, "1")
    assert key.rpartition("/")[2] not in stored(settings)
    assert len(stored(settings)) == 3


def test_nothing_is_removed_from_a_store_that_belongs_to_another_database(
    oci: Oci, world: World, settings: Settings
) -> None:
    oci.blob(CONTENT)
    with world.context():
        put(store, "_owner/another-database", b"")
        with pytest.raises(StoreNotOurs):
            collecting.collect(moment=later())
    refused = CliRunner().invoke(create_command(lambda: world.app), [])
    assert refused.exit_code == 1
    assert "belongs to another database" in refused.output
    assert len(stored(settings)) == 1


def test_a_manifest_whose_blob_was_collected_meanwhile_is_refused(oci: Oci, world: World) -> None:
    image = an_image(CONTENT)
    for content in image.blobs:
        oci.blob(content)
    collected(world)
    assert code_of(oci.put_manifest(image, "1")) == (400, "MANIFEST_BLOB_UNKNOWN")
    oci.push(image, "1")
    the_image_is_whole(oci, image, "1")


class TestRaces:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """A collector that waits for almost nobody, so that it and pushes meet."""
        return load_settings(_env_file=None, **settings.model_dump() | {"oci_grace_seconds": 1})

    def test_every_acknowledged_image_is_whole_while_the_collector_loops(
        self, world: World, acme: Acme
    ) -> None:
        layers = [secrets.token_bytes(50) for _ in range(3)]
        stopping = threading.Event()
        acknowledged: list[tuple[str, Image]] = []
        failures: list[BaseException] = []

        removed: Counter[str] = Counter()

        def looping() -> None:
            while not stopping.is_set():
                with world.context():
                    removed.update(collecting.collect().counts)

        def pushing(number: int) -> None:
            try:
                caller = Oci(world.app.test_client(), acme.maintainer.bearer, f"acme/p{number}")
                for _ in range(6):
                    image = an_image(*layers, secrets.token_bytes(20))
                    if _pushed(caller, image):
                        acknowledged.append((caller.name, image))
                        caller.blob(secrets.token_bytes(10))
            except BaseException as error:  # noqa: BLE001  told by the test itself
                failures.append(error)

        collector = threading.Thread(target=looping)
        pushers = [threading.Thread(target=pushing, args=(number,)) for number in range(8)]
        collector.start()
        for one in pushers:
            one.start()
        for one in pushers:
            one.join()
        stopping.set()
        collector.join()
        assert failures == []
        assert len(acknowledged) == 8 * 6
        assert removed["blob"] > 0
        for name, image in acknowledged:
            caller = Oci(world.app.test_client(), acme.maintainer.bearer, name)
            the_image_is_whole(caller, image)
        collected(world)
        needed = {sha256(one) for _, image in acknowledged for one in image.blobs}
        assert {f"sha256:{one.sha256}" for one in Blob.objects} == needed
        assert Garbage.objects.count() == 0


def _pushed(caller: Oci, image: Image) -> bool:
    """Push as clients do, skipping what is there, until the registry takes it."""
    for _ in range(20):
        for content in image.blobs:
            if caller.head(f"blobs/{sha256(content)}").status_code != 200:
                location = caller.begin()
                caller.request("PUT", f"{location}?digest={sha256(content)}", content)
        answer = caller.put_manifest(image)
        if answer.status_code == 201:
            return True
        assert code_of(answer) == (400, "MANIFEST_BLOB_UNKNOWN"), answer.get_data()
    return False


class TestOnS3:
    @pytest.fixture
    def settings(self, settings: Settings, request: pytest.FixtureRequest) -> Settings:
        """The registry with its artifacts in a bucket."""
        return on_s3(settings, request.getfixturevalue("s3_server"))

    def test_uploads_of_every_size_and_shape_come_back_and_go(self, oci: Oci, world: World) -> None:
        image = an_image(secrets.token_bytes(100), secrets.token_bytes(20 * MIB))
        location = oci.begin()
        large = image.blobs[-1]
        for start, end in ((0, 3 * MIB), (3 * MIB, 15 * MIB), (15 * MIB, 20 * MIB)):
            answer = oci.request(
                "PATCH", location, large[start:end], Content_Range=f"{start}-{end - 1}"
            )
            assert answer.headers["Range"] == f"0-{end - 1}"
        assert oci.request("PUT", f"{location}?digest={sha256(large)}").status_code == 201
        oci.push(image, "1")
        the_image_is_whole(oci, image, "1")
        middle = oci.get(f"blobs/{sha256(large)}", Range=f"bytes={7 * MIB}-{9 * MIB}")
        assert middle.get_data() == large[7 * MIB : 9 * MIB + 1]
        assert collected(world).counts == {}
        oci.delete(f"manifests/{image.digest}")
        oci.request("PATCH", oci.begin(), large)
        found = collected(world)
        assert dict(found.counts) == {"upload": 1, "link": 3, "blob": 3}
        with world.context():
            assert list(store.list("oci/")) == []

    def test_a_resumed_upload_is_read_again_and_refused_where_it_is_wrong(
        self, oci: Oci, world: World
    ) -> None:
        content = secrets.token_bytes(9 * MIB)
        for digest, status in ((sha256(b"other"), 400), (sha256(content), 201)):
            location = oci.begin()
            oci.request("PATCH", location, content[: 6 * MIB])
            world.app.extensions["packhouse.oci_hashes"].clear()
            oci.request("PATCH", location, content[6 * MIB :])
            answer = oci.request("PUT", f"{location}?digest={digest}")
            assert answer.status_code == status
        assert oci.get(f"blobs/{sha256(content)}").get_data() == content
        assert Blob.objects.count() == 1
