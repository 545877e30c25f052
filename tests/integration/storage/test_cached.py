from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from app.errors import RangeNotSatisfiable, Unavailable
from app.storage.base import PIECE_BYTES, ObjectDamaged, ObjectMissing
from app.storage.cached import FILLED_FOR_A_RANGE_BYTES, CachedStore
from app.storage.disk_cache import DiskCache
from app.storage.s3 import Connection
from app.storage.s3_store import S3Store
from app.storage.staging import StagingArea
from tests.live import free_port
from tests.store_processes import HAMMERED, run, signed, start
from tests.stores import MIB, new_prefix, put, read, s3_settings

if TYPE_CHECKING:
    from pathlib import Path

    from app.standalone.servers import S3Server


@pytest.fixture
def staging(tmp_path: Path) -> StagingArea:
    return StagingArea(tmp_path / "staging")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def remote(s3_connection: Connection, staging: StagingArea) -> S3Store:
    return S3Store(s3_connection, new_prefix(), staging)


@pytest.fixture
def store(remote: S3Store, directory: Path) -> CachedStore:
    return CachedStore(remote, DiskCache(directory, limit_bytes=200 * MIB))


@pytest.fixture
def cut_off(
    s3_server: S3Server, staging: StagingArea, directory: Path, tmp_path: Path
) -> CachedStore:
    """The same cache with S3 down: what it reads comes from the disk."""
    settings = s3_settings(tmp_path, s3_server, s3_endpoint=f"http://127.0.0.1:{free_port()}")
    remote = S3Store(Connection(settings), settings.storage_path, staging)
    return CachedStore(remote, DiskCache(directory, limit_bytes=200 * MIB))


def copies(directory: Path) -> list[Path]:
    return [path for path in directory.glob("*/*") if path.is_file()]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_what_was_revealed_here_is_served_with_s3_down(
    store: CachedStore, cut_off: CachedStore, directory: Path
) -> None:
    put(store, "a", b"0123456789")
    assert len(copies(directory)) == 1
    assert read(cut_off, "a") == b"0123456789"
    assert read(cut_off, "a", 3, 4) == b"3456"
    with pytest.raises(RangeNotSatisfiable):
        cut_off.open("a", 11)
    with pytest.raises(Unavailable):
        cut_off.open("b")


def test_what_was_read_here_is_served_with_s3_down(
    store: CachedStore, remote: S3Store, cut_off: CachedStore
) -> None:
    content = os.urandom(3 * PIECE_BYTES + 5)
    put(remote, "a", content)
    assert read(store, "a") == content
    assert read(cut_off, "a") == content


def test_a_copy_is_a_real_file(store: CachedStore) -> None:
    put(store, "a", b"0123456789")
    with store.open("a", 2, 3) as reader:
        assert reader.file is not None
        assert os.pread(reader.file.fileno(), reader.length, reader.start) == b"234"


def test_a_range_of_a_small_object_brings_all_of_it(
    store: CachedStore, remote: S3Store, cut_off: CachedStore
) -> None:
    put(remote, "a", b"0123456789")
    assert read(store, "a", 2, 3) == b"234"
    assert read(cut_off, "a") == b"0123456789"


def test_a_range_of_a_large_object_is_fetched_alone(
    store: CachedStore, remote: S3Store, directory: Path
) -> None:
    content = os.urandom(FILLED_FOR_A_RANGE_BYTES + 1)
    put(remote, "a", content)
    assert read(store, "a", 5, 10) == content[5:15]
    assert copies(directory) == []
    assert read(store, "a") == content
    assert len(copies(directory)) == 1


def test_an_object_larger_than_its_share_of_the_cache_is_not_kept(
    remote: S3Store, directory: Path
) -> None:
    store = CachedStore(remote, DiskCache(directory, limit_bytes=100_000))
    put(store, "a", bytes(30_000))
    assert read(store, "a") == bytes(30_000)
    assert read(store, "a", 5, 10) == bytes(10)
    assert copies(directory) == []


def test_a_read_that_is_broken_off_leaves_no_copy(
    store: CachedStore, remote: S3Store, directory: Path
) -> None:
    put(remote, "a", bytes(3 * PIECE_BYTES))
    with store.open("a") as reader:
        next(reader)
    assert copies(directory) == []
    assert read(store, "a") == bytes(3 * PIECE_BYTES)


def test_two_readers_of_what_is_not_here_yet_both_get_it(
    store: CachedStore, remote: S3Store, directory: Path
) -> None:
    content = os.urandom(2 * PIECE_BYTES)
    put(remote, "a", content)
    with store.open("a") as first, store.open("a") as second:
        beginning = next(first)
        assert b"".join(second) == content
        assert beginning + b"".join(first) == content
    assert len(copies(directory)) == 1


def test_deleting_forgets_the_copy(
    store: CachedStore, cut_off: CachedStore, directory: Path
) -> None:
    put(store, "a", b"x")
    store.delete("a")
    assert copies(directory) == []
    with pytest.raises(ObjectMissing):
        store.open("a")
    with pytest.raises(Unavailable):
        cut_off.open("a")


def test_a_truncated_copy_is_fetched_again(store: CachedStore, directory: Path) -> None:
    put(store, "a", b"0123456789")
    (path,) = copies(directory)
    path.write_bytes(path.read_bytes()[:5])
    assert read(store, "a") == b"0123456789"
    assert read(store, "a", 1, 2) == b"12"


def test_a_key_that_another_node_freed_and_took_anew_is_not_served_from_the_copy(
    store: CachedStore, remote: S3Store
) -> None:
    put(store, "a", b"before")
    remote.delete("a")
    put(remote, "a", b"after")
    with store.open("a", sha256=digest(b"after")) as reader:
        assert b"".join(reader) == b"after"
    assert read(store, "a") == b"after"


def test_an_object_that_is_not_the_expected_one_is_never_given_whole_nor_kept(
    store: CachedStore, remote: S3Store, directory: Path
) -> None:
    content = bytes(2 * PIECE_BYTES)
    put(remote, "a", content)
    with store.open("a", sha256=digest(b"another")) as reader:
        assert len(next(reader)) < len(content)
        with pytest.raises(ObjectDamaged, match="a"):
            list(reader)
    assert copies(directory) == []
    with pytest.raises(ObjectDamaged):
        store.open("a", 1, 2, sha256=digest(b"another"))


def test_an_object_is_checked_against_what_was_recorded_with_it(
    store: CachedStore, remote: S3Store, s3_connection: Connection
) -> None:
    put(remote, "a", b"right")
    url = remote.presign("a", seconds=60)
    s3_connection.client.put_object(
        Bucket=s3_connection.bucket,
        Key=url.partition("?")[0].partition(f"/{s3_connection.bucket}/")[2],
        Body=b"wrong",
        Metadata={"sha256": digest(b"right")},
    )
    with store.open("a") as reader, pytest.raises(ObjectDamaged):
        list(reader)


@pytest.mark.chaos
def test_a_copy_whose_maker_was_killed_is_made_by_the_next_reader(
    s3_server: S3Server, tmp_path: Path, s3_connection: Connection, staging: StagingArea
) -> None:
    settings = s3_settings(tmp_path, s3_server, disk_cache_bytes=100 * MIB)
    remote = S3Store(s3_connection, settings.storage_path, staging)
    store = CachedStore(remote, DiskCache(tmp_path / "cache", limit_bytes=100 * MIB))
    content = os.urandom(5 * MIB)
    put(remote, "large", content)
    with start("begin-filling", "cached", settings) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "filling\n"
        assert read(store, "large") == content
        assert [path.suffix for path in copies(tmp_path / "cache")] == [".filling"]
        process.kill()
    assert read(store, "large") == content
    assert [path.suffix for path in copies(tmp_path / "cache")] == [""]


@pytest.mark.chaos
def test_many_processes_share_a_cache_that_is_too_small(
    s3_server: S3Server, tmp_path: Path, s3_connection: Connection, staging: StagingArea
) -> None:
    limit_bytes = 2 * MIB
    settings = s3_settings(tmp_path, s3_server, disk_cache_bytes=limit_bytes)
    remote = S3Store(s3_connection, settings.storage_path, staging)
    for number in range(HAMMERED):
        put(remote, f"hammered/{number}", signed(1000 * number + 5000 * (number % 7)))
    processes = [start("hammer", "cached", settings) for _ in range(4)]
    for process in processes:
        assert process.communicate(timeout=120) == ("", "")
        assert process.returncode == 0
    left = copies(tmp_path / "cache")
    assert 0 < sum(path.stat().st_size for path in left) <= limit_bytes
    assert all(path.suffix == "" for path in left)
    assert run("hammer", "cached", settings) == ""
