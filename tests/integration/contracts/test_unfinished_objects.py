"""What every object store does with objects that arrive in several requests."""

from __future__ import annotations

import itertools
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app.storage.base import (
    LEAST_PART_BYTES,
    ObjectExists,
    ObjectMissing,
    Unfinished,
    UploadBusy,
    UploadMissing,
)
from app.storage.cached import CachedStore
from app.storage.disk_cache import DiskCache
from app.storage.filesystem import FilesystemStore
from app.storage.s3_store import S3Store
from app.storage.staging import StagingArea
from tests.stores import MIB, new_prefix, put, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.storage.base import ObjectStore


@pytest.fixture(params=["filesystem", "s3", "cached-s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """Each kind of store in turn, empty."""
    staging = StagingArea(tmp_path / "staging")
    if request.param == "filesystem":
        return FilesystemStore(tmp_path / "packages", staging)
    remote = S3Store(request.getfixturevalue("s3_connection"), new_prefix(), staging)
    if request.param == "s3":
        return remote
    return CachedStore(remote, DiskCache(tmp_path / "cache", limit_bytes=64 * MIB))


def begin() -> Unfinished:
    numbers: Iterator[int] = itertools.count(1)
    return Unfinished(
        id=secrets.token_hex(16),
        key=f"uploads/{secrets.token_hex(8)}",
        next_number=numbers.__next__,
    )


def extended(store: ObjectStore, unfinished: Unfinished, *pieces: bytes) -> Unfinished:
    with store.extend(unfinished) as extension:
        for piece in pieces:
            extension.write(piece)
        return extension.finish()


def completed(store: ObjectStore, unfinished: Unfinished, key: str = "done/blob") -> str:
    with store.extend(unfinished) as extension:
        extension.finish()
        return extension.complete(key)


@pytest.mark.parametrize(
    "sizes",
    [(), (0,), (1,), (10, 20), (3 * MIB, 3 * MIB, 3 * MIB), (9 * MIB, 1), (17 * MIB, 6 * MIB, 5)],
    ids=str,
)
def test_what_arrived_in_several_requests_becomes_one_object(
    store: ObjectStore, sizes: tuple[int, ...]
) -> None:
    pieces = [secrets.token_bytes(size) for size in sizes]
    unfinished = begin()
    for piece in pieces:
        unfinished = extended(store, unfinished, piece)
    assert unfinished.size_bytes == sum(sizes)
    key = completed(store, unfinished)
    assert read(store, key) == b"".join(pieces)


def test_a_request_that_was_cut_off_leaves_nothing(store: ObjectStore) -> None:
    unfinished = extended(store, begin(), b"kept")
    extended(store, unfinished, b"never acknowledged")  # Its process ends here.
    with store.extend(replace(unfinished)) as extension:
        extension.write(b" lost too")
    unfinished = extended(store, unfinished, b" and this")
    assert read(store, completed(store, unfinished)) == b"kept and this"


def test_a_discarded_part_never_becomes_part_of_the_object(store: ObjectStore) -> None:
    first, lost, second = (secrets.token_bytes(LEAST_PART_BYTES + 4 * MIB) for _ in range(3))
    unfinished = extended(store, begin(), first)
    with store.extend(unfinished) as extension:
        extension.write(lost)
    unfinished = extended(store, unfinished, second)
    assert read(store, completed(store, unfinished)) == first + second


def test_what_is_forgotten_is_over(store: ObjectStore) -> None:
    unfinished = extended(store, begin(), secrets.token_bytes(9 * MIB))
    store.forget(unfinished)
    store.forget(unfinished)
    with pytest.raises(UploadMissing):
        extended(store, unfinished, secrets.token_bytes(9 * MIB))
    with pytest.raises(UploadMissing):
        completed(store, unfinished)
    with pytest.raises(ObjectMissing):
        store.stat("done/blob")


def test_a_key_that_is_taken_is_not_overwritten(store: ObjectStore) -> None:
    put(store, "done/blob", b"there first")
    with pytest.raises(ObjectExists):
        completed(store, extended(store, begin(), b"second"))
    assert read(store, "done/blob") == b"there first"


def test_of_two_writers_of_one_file_the_second_is_told(tmp_path: Path) -> None:
    store = FilesystemStore(tmp_path / "packages", StagingArea(tmp_path / "staging"))
    unfinished = extended(store, begin(), b"so far")
    with store.extend(unfinished) as first:
        first.write(b" first")
        with pytest.raises(UploadBusy):
            store.extend(unfinished)
        seen, unfinished = unfinished, first.finish()
        # It is not recorded yet, and the second would begin where the first did.
        with pytest.raises(UploadBusy):
            store.extend(seen)
    assert read(store, completed(store, unfinished)) == b"so far first"


def test_a_writer_that_comes_after_completion_finds_nothing(tmp_path: Path) -> None:
    store = FilesystemStore(tmp_path / "packages", StagingArea(tmp_path / "staging"))
    unfinished = extended(store, begin(), b"all of it")
    completed(store, unfinished)
    with pytest.raises(UploadMissing):
        store.extend(unfinished)
    assert read(store, "done/blob") == b"all of it"


def test_sweeping_removes_old_unfinished_files_only(tmp_path: Path) -> None:
    store = FilesystemStore(tmp_path / "packages", StagingArea(tmp_path / "staging"))
    unfinished = extended(store, begin(), b"abandoned")
    assert store.sweep_multipart(older_than_seconds=60) == 0
    assert store.sweep_multipart(older_than_seconds=-60) == 1
    with pytest.raises(UploadMissing):
        store.extend(unfinished)
