from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.errors import Unavailable
from app.storage.base import Multipart, ObjectExists, UploadMissing
from app.storage.filesystem import FilesystemStore
from app.storage.staging import StagingArea
from tests.stores import keys, put, read, stage

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "packages"


@pytest.fixture
def store(directory: Path, tmp_path: Path) -> FilesystemStore:
    return FilesystemStore(directory, StagingArea(tmp_path / "staging"))


def test_an_object_is_a_file_at_its_key(store: FilesystemStore, directory: Path) -> None:
    put(store, "npm/acme/left-pad/1.0.0/left-pad-1.0.0.tgz", b"x")
    assert (directory / "npm/acme/left-pad/1.0.0/left-pad-1.0.0.tgz").read_bytes() == b"x"


def test_a_reader_offers_the_object_itself(store: FilesystemStore) -> None:
    put(store, "a", b"0123456789")
    with store.open("a", 4) as reader:
        assert reader.file is not None
        assert reader.file.read() == b"456789"


def test_whoever_reads_an_object_reads_on_when_it_is_deleted(store: FilesystemStore) -> None:
    put(store, "a", b"x" * 3_000_000)
    with store.open("a") as reader:
        first = next(reader)
        store.delete("a")
        assert len(first + b"".join(reader)) == 3_000_000


def test_nothing_is_revealed_below_an_object_nor_in_place_of_a_directory(
    store: FilesystemStore,
) -> None:
    put(store, "a/b", b"x")
    for key in ("a", "a/b/c", "a/b/c/d"):
        with stage(store, b"y") as staged, pytest.raises(ObjectExists):
            store.reveal(staged, key)
    assert keys(store) == ["a/b"]


def test_deleting_leaves_no_empty_directories(store: FilesystemStore, directory: Path) -> None:
    put(store, "a/b/c", b"x")
    store.delete("a/b/c")
    assert list(directory.iterdir()) == []


def test_a_store_that_is_not_mounted_says_nothing_about_its_objects(
    store: FilesystemStore, directory: Path
) -> None:
    directory.rmdir()
    with pytest.raises(Unavailable):
        store.open("a")
    with pytest.raises(Unavailable):
        store.stat("a")
    with pytest.raises(Unavailable):
        store.check()


def test_an_upload_id_leads_to_no_other_directory(store: FilesystemStore, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a")
    with pytest.raises(UploadMissing):
        store.put_part(Multipart(upload_id="../..", key="a"), 1, b"x")
    store.abort_multipart(Multipart(upload_id="../..", key="a"))
    assert (tmp_path / "key").exists()


def test_a_replaced_part_is_refused(store: FilesystemStore) -> None:
    upload = store.begin_multipart("a")
    before = store.put_part(upload, 1, b"before")
    after = store.put_part(upload, 1, b"after")
    with pytest.raises(ValueError, match="part 1"):
        store.complete_multipart(upload, [before])
    store.complete_multipart(upload, [after])
    assert read(store, "a") == b"after"


def test_files_have_no_urls(store: FilesystemStore) -> None:
    put(store, "a", b"x")
    assert store.presign("a", seconds=60) is None
