"""What every object store does, whatever is behind it."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from app.errors import RangeNotSatisfiable, TooLarge
from app.storage.base import (
    LEAST_PART_BYTES,
    PIECE_BYTES,
    Multipart,
    ObjectExists,
    ObjectMissing,
    Part,
    UploadMissing,
)
from app.storage.cached import CachedStore
from app.storage.disk_cache import DiskCache
from app.storage.filesystem import FilesystemStore
from app.storage.s3_store import S3Store
from app.storage.staging import StagingArea
from tests.stores import MIB, keys, new_prefix, put, read, stage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from app.storage.base import ObjectStore

BIG = LEAST_PART_BYTES

fast = hypothesis_settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


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


def in_staging(data_dir: Path) -> list[str]:
    return [path.name for path in (data_dir / "staging").rglob("*") if path.is_file()]


# Staging.


def test_staged_bytes_are_hashed_and_can_be_read_before_anybody_sees_them(
    store: ObjectStore,
) -> None:
    content = secrets.token_bytes(700_000)
    with store.stage(
        limit_bytes=len(content), algorithms=frozenset({"sha1", "sha512", "md5"})
    ) as arriving:
        arriving.write(content[:1])
        arriving.write(content[1:])
        staged = arriving.finish()
    with staged:
        for name in ("sha256", "sha1", "sha512", "md5"):
            digest = hashlib.new(name, content, usedforsecurity=False).hexdigest()
            assert getattr(staged.digests, name) == digest
        assert staged.size_bytes == len(content)
        for _ in range(2):
            with staged.open() as file:
                assert file.read() == content
        assert keys(store) == []


def test_digests_that_nobody_asked_for_are_empty(store: ObjectStore) -> None:
    with stage(store, b"x") as staged:
        assert (staged.digests.sha1, staged.digests.sha512, staged.digests.md5) == ("", "", "")


def test_an_unknown_digest_is_refused(store: ObjectStore) -> None:
    with pytest.raises(ValueError, match="crc32"):
        store.stage(limit_bytes=1, algorithms=frozenset({"crc32"}))


def test_more_than_the_limit_is_refused_by_name_and_leaves_nothing(
    store: ObjectStore, tmp_path: Path
) -> None:
    with store.stage(limit_bytes=10, what="The tarball") as arriving:
        arriving.write(b"12345")
        arriving.write(b"67890")
        with pytest.raises(TooLarge, match=r"The tarball is larger than the limit of 10 bytes"):
            arriving.write(b"1")
    assert in_staging(tmp_path) == []


def test_what_is_not_finished_or_not_revealed_leaves_nothing(
    store: ObjectStore, tmp_path: Path
) -> None:
    with store.stage(limit_bytes=10) as arriving:
        arriving.write(b"12345")
    with stage(store, b"123") as staged:
        staged.discard()
    assert in_staging(tmp_path) == []
    assert keys(store) == []


def test_sweeping_removes_only_what_was_staged_long_ago(store: ObjectStore, tmp_path: Path) -> None:
    old, new = stage(store, b"old"), stage(store, b"new")
    os.utime(old.path, (time.time() - 7200,) * 2)
    assert store.sweep_staging(older_than_seconds=3600) == 1
    assert in_staging(tmp_path) == [new.path.name]
    put(store, "revealed", b"stays")
    assert store.sweep_staging(older_than_seconds=-60) == 1
    assert read(store, "revealed") == b"stays"


# Revealing.


def test_what_is_revealed_can_be_read_looked_up_and_listed(
    store: ObjectStore, tmp_path: Path
) -> None:
    content = secrets.token_bytes(3 * PIECE_BYTES + 17)
    put(store, "npm/acme/left-pad/1.0.0/left-pad-1.0.0.tgz", content)
    assert in_staging(tmp_path) == []
    key = "npm/acme/left-pad/1.0.0/left-pad-1.0.0.tgz"
    with store.open(key) as reader:
        assert (reader.size_bytes, reader.start, reader.length) == (len(content), 0, len(content))
        pieces = list(reader)
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= PIECE_BYTES
    stat = store.stat(key)
    assert (stat.key, stat.size_bytes) == (key, len(content))
    assert abs(stat.modified_at.timestamp() - time.time()) < 60
    assert list(store.list("npm/")) == [stat]


def test_an_empty_object_is_an_object(store: ObjectStore) -> None:
    put(store, "empty", b"")
    for _ in range(2):
        assert read(store, "empty") == b""
    assert store.stat("empty").size_bytes == 0
    assert read(store, "empty", 0, 10) == b""


def test_a_taken_key_is_refused_and_both_contents_are_left_as_they_were(
    store: ObjectStore,
) -> None:
    put(store, "a/b", b"first")
    second = stage(store, b"second")
    with pytest.raises(ObjectExists) as refused:
        store.reveal(second, "a/b")
    assert refused.value.key == "a/b"
    assert read(store, "a/b") == b"first"
    store.reveal(second, "a/c")
    assert read(store, "a/c") == b"second"


def test_several_are_revealed_together(store: ObjectStore) -> None:
    contents = {"a/b/c": b"one", "a/b/d": b"two", "e": b"three"}
    store.reveal_all([(stage(store, content), key) for key, content in contents.items()])
    assert {key: read(store, key) for key in keys(store)} == contents


def test_a_taken_key_among_several_is_refused_and_so_is_what_comes_behind_it(
    store: ObjectStore,
) -> None:
    put(store, "b", b"first")
    staged = {key: stage(store, key.encode() * 3) for key in "abc"}
    with pytest.raises(ObjectExists) as refused:
        store.reveal_all([(one, key) for key, one in staged.items()])
    assert refused.value.key == "b"
    assert read(store, "b") == b"first"
    assert sorted(keys(store)) == ["a", "b"]
    store.reveal_all([(staged["b"], "d"), (staged["c"], "c")])
    assert [read(store, key) for key in "acd"] == [b"aaa", b"ccc", b"bbb"]


def test_a_key_can_be_taken_again_once_it_was_deleted(store: ObjectStore) -> None:
    put(store, "a/b", b"first")
    store.delete("a/b")
    put(store, "a/b", b"second")
    assert read(store, "a/b") == b"second"


def outcomes(attempts: list[Callable[[], None]]) -> list[bool]:
    """Make all attempts at once; which of them found the key free."""

    def succeeds(attempt: Callable[[], None]) -> bool:
        try:
            attempt()
        except ObjectExists:
            return False
        return True

    with ThreadPoolExecutor(len(attempts)) as pool:
        return list(pool.map(succeeds, attempts))


def test_of_twenty_reveals_at_once_one_wins_and_its_bytes_are_there(store: ObjectStore) -> None:
    contents = [bytes([number]) * 50_000 for number in range(20)]
    staged = [stage(store, content) for content in contents]
    won = outcomes([lambda one=one: store.reveal(one, "a/b") for one in staged])
    assert won.count(True) == 1
    assert read(store, "a/b") == contents[won.index(True)]
    assert keys(store) == ["a/b"]


# Reading.


@pytest.mark.parametrize("repeat", range(2))
def test_a_missing_object_is_missing(store: ObjectStore, repeat: int) -> None:
    put(store, "there/is", b"something")
    for key in ("nothing", "there/is-not", "there"):
        with pytest.raises(ObjectMissing) as opened:
            store.open(key, repeat)
        with pytest.raises(ObjectMissing) as looked_up:
            store.stat(key)
        assert opened.value.key == looked_up.value.key == key


CONTENT = bytes(range(256)) * 40


@fast
@given(start=st.integers(0, 11_000), length=st.none() | st.integers(0, 11_000))
@example(start=len(CONTENT), length=None)
@example(start=len(CONTENT), length=5)
@example(start=len(CONTENT) + 1, length=0)
@example(start=len(CONTENT) - 1, length=2)
@example(start=0, length=len(CONTENT))
def test_a_range_is_the_same_slice_of_the_bytes(
    store: ObjectStore, start: int, length: int | None
) -> None:
    if "ranges" not in keys(store):
        put(store, "ranges", CONTENT)
    if start > len(CONTENT):
        with pytest.raises(RangeNotSatisfiable) as refused:
            store.open("ranges", start, length)
        assert refused.value.size_bytes == len(CONTENT)
        return
    expected = CONTENT[start:] if length is None else CONTENT[start : start + length]
    with store.open("ranges", start, length) as reader:
        assert reader.size_bytes == len(CONTENT)
        assert (reader.start, reader.length) == (start, len(expected))
        assert b"".join(reader) == expected


def test_a_negative_range_is_refused(store: ObjectStore) -> None:
    put(store, "a", b"12345")
    for start, length in ((-1, None), (0, -1), (-2, 2)):
        with pytest.raises(ValueError, match="negative"):
            store.open("a", start, length)


def test_a_reader_may_be_closed_early_and_twice_and_is_then_at_its_end(
    store: ObjectStore,
) -> None:
    put(store, "a", bytes(2 * PIECE_BYTES))
    reader = store.open("a")
    assert len(next(reader)) > 0
    reader.close()
    reader.close()
    assert list(reader) == []


def test_a_file_that_a_reader_offers_holds_the_range(store: ObjectStore) -> None:
    put(store, "a", b"0123456789")
    read(store, "a")
    with store.open("a", 3, 4) as reader:
        if reader.file is not None:
            assert os.pread(reader.file.fileno(), reader.length, reader.start) == b"3456"
            assert reader.file.tell() == 3
        assert b"".join(reader) == b"3456"


# Keys.

segments = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="/\\"), min_size=1
).filter(lambda text: text not in {".", ".."} and len(text.encode()) < 60)


@fast
@given(parts=st.lists(segments, min_size=1, max_size=4))
@example(parts=["@scope", "name", "1.0.0+build", "name-1.0.0.tgz"])
@example(parts=["%2e%2e", "a b", "?x=1", "#y"])
@example(parts=["n" * 255])
@example(parts=["ü" * 127, "~", "...", ".x"])
def test_a_key_is_kept_as_it_is(store: ObjectStore, parts: list[str]) -> None:
    # Below a prefix of its own each time, so that no example is a folder of another.
    prefix = secrets.token_hex(4) + "/"
    key = prefix + "/".join(parts)
    put(store, key, key.encode())
    assert read(store, key) == key.encode()
    assert store.stat(key).key == key
    assert keys(store, prefix) == [key]
    store.delete(key)
    assert keys(store, prefix) == []
    with pytest.raises(ObjectMissing):
        store.open(key)


UNSAFE = [
    *("", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "../a", "a/./b", "a/..", "a\0b"),
    *("a\\b", "a\nb", "\x7f", "a/" + "n" * 256, "a/" + "ü" * 128, "/".join(["n" * 200] * 5)),
    "\ud800",
]


@pytest.mark.parametrize("key", UNSAFE, ids=repr)
def test_an_unsafe_key_is_refused_by_everything(store: ObjectStore, key: str) -> None:
    with stage(store, b"x") as staged:
        for refuses in (
            lambda: store.reveal(staged, key),
            lambda: store.open(key),
            lambda: store.stat(key),
            lambda: store.delete(key),
            lambda: store.begin_multipart(key),
        ):
            with pytest.raises(ValueError, match=r"key|surrogates"):
                refuses()
        with staged.open() as file:
            assert file.read() == b"x"


# Listing and deleting.

TREE = ["B/x", "a!", "a-b", "a.b", "a/a", "a/b", "a/c-d", "a/c/d", "a/c/e/f", "a0", "aa", "z/1"]


def test_a_listing_gives_each_key_once_and_goes_on_after_any_of_them(store: ObjectStore) -> None:
    for key in TREE:
        put(store, key, b"x")
    listed = keys(store)
    assert sorted(listed) == TREE
    assert keys(store) == listed
    for position, key in enumerate(listed):
        assert keys(store, after=key) == listed[position + 1 :]


@pytest.mark.parametrize("prefix", ["", "a", "a/", "a/c", "a/c/", "a/c/d", "b", "z/1", "z/12", "A"])
def test_a_listing_gives_what_starts_with_the_prefix(store: ObjectStore, prefix: str) -> None:
    for key in TREE:
        put(store, key, b"x")
    assert sorted(keys(store, prefix)) == [key for key in TREE if key.startswith(prefix)]


def test_a_listing_goes_over_many_pages(store: ObjectStore) -> None:
    staged = [(stage(store, b"x"), f"many/{number:04d}") for number in range(1002)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: store.reveal(*one), staged))
    assert keys(store, "many/") == [key for _, key in staged]
    assert keys(store, "many/", after="many/0990") == [key for _, key in staged[991:]]


def test_what_is_deleted_is_gone_and_deleting_what_is_not_there_is_fine(
    store: ObjectStore,
) -> None:
    put(store, "a/b/c", b"x")
    put(store, "a/d", b"y")
    read(store, "a/b/c")
    for key in ("a/b/c", "a/b/c", "a/b", "never", "a/d/below"):
        store.delete(key)
    with pytest.raises(ObjectMissing):
        store.open("a/b/c")
    with pytest.raises(ObjectMissing):
        store.stat("a/b/c")
    assert keys(store) == ["a/d"]
    put(store, "a/b/c", b"again")
    assert read(store, "a/b/c") == b"again"


# Uploads in parts.


def parts_of(store: ObjectStore, upload: Multipart, *pieces: bytes) -> list[Part]:
    return [store.put_part(upload, number, piece) for number, piece in enumerate(pieces, 1)]


def test_parts_become_one_object_in_their_order(store: ObjectStore) -> None:
    first, second = secrets.token_bytes(BIG), secrets.token_bytes(1000)
    upload = store.begin_multipart("oci/acme/blob")
    last = store.put_part(upload, 7, second)
    parts = [store.put_part(upload, 2, first), last]
    assert [part.size_bytes for part in parts] == [BIG, 1000]
    assert keys(store) == []
    store.complete_multipart(upload, parts)
    assert read(store, "oci/acme/blob") == first + second
    assert store.stat("oci/acme/blob").size_bytes == BIG + 1000


def test_an_upload_goes_on_in_another_process_with_what_was_recorded(
    store: ObjectStore,
) -> None:
    begun = store.begin_multipart("a")
    upload = Multipart(upload_id=begun.upload_id, key=begun.key)
    part = store.put_part(upload, 1, b"x")
    store.complete_multipart(
        upload, [Part(number=part.number, size_bytes=part.size_bytes, etag=part.etag)]
    )
    assert read(store, "a") == b"x"


def test_a_part_written_again_replaces_the_one_before(store: ObjectStore) -> None:
    upload = store.begin_multipart("a")
    store.put_part(upload, 1, b"before")
    after = store.put_part(upload, 1, b"after")
    store.complete_multipart(upload, [after])
    assert read(store, "a") == b"after"


def test_a_part_that_was_never_written_is_refused(store: ObjectStore) -> None:
    upload = store.begin_multipart("a")
    part = store.put_part(upload, 1, b"x")
    never = Part(number=1, size_bytes=1, etag=hashlib.md5(b"y").hexdigest())  # noqa: S324  an etag
    with pytest.raises(ValueError, match=r"[Pp]art"):
        store.complete_multipart(upload, [never])
    store.complete_multipart(upload, [part])
    assert read(store, "a") == b"x"


def test_parts_that_do_not_fit_are_refused_and_can_still_be_completed_rightly(
    store: ObjectStore,
) -> None:
    upload = store.begin_multipart("a")
    parts = parts_of(store, upload, b"a" * BIG, b"too small", b"end")
    for wrong in ([], parts, [parts[2], parts[0]]):
        with pytest.raises(ValueError, match=r"part|upload"):
            store.complete_multipart(upload, wrong)
    for number in (0, 10_001):
        with pytest.raises(ValueError, match="part"):
            store.put_part(upload, number, b"x")
    store.complete_multipart(upload, [parts[0], parts[2]])
    assert read(store, "a") == b"a" * BIG + b"end"


def test_an_upload_whose_key_was_taken_meanwhile_changes_nothing(store: ObjectStore) -> None:
    upload = store.begin_multipart("a")
    parts = parts_of(store, upload, b"parts")
    put(store, "a", b"first")
    with pytest.raises(ObjectExists):
        store.complete_multipart(upload, parts)
    assert read(store, "a") == b"first"
    store.delete("a")
    store.complete_multipart(upload, parts)
    assert read(store, "a") == b"parts"


def test_completing_twice_is_the_same_as_once(store: ObjectStore) -> None:
    upload = store.begin_multipart("a")
    parts = parts_of(store, upload, b"x")
    store.complete_multipart(upload, parts)
    with suppress(UploadMissing):
        store.complete_multipart(upload, parts)
    assert read(store, "a") == b"x"


def test_an_aborted_upload_is_over(store: ObjectStore) -> None:
    upload = store.begin_multipart("a")
    parts = parts_of(store, upload, b"x")
    store.abort_multipart(upload)
    store.abort_multipart(upload)
    with pytest.raises(UploadMissing):
        store.put_part(upload, 2, b"y")
    with pytest.raises(UploadMissing):
        store.complete_multipart(upload, parts)
    assert keys(store) == []


@pytest.mark.parametrize("upload_id", ["unknown", "", "a:b"])
def test_an_upload_that_never_was_is_missing(store: ObjectStore, upload_id: str) -> None:
    with pytest.raises(UploadMissing):
        store.put_part(Multipart(upload_id=upload_id, key="a"), 1, b"x")
    store.abort_multipart(Multipart(upload_id=upload_id, key="a"))


def test_of_twenty_completions_at_once_one_wins_and_its_bytes_are_there(
    store: ObjectStore,
) -> None:
    contents = [bytes([number]) * 1000 for number in range(20)]
    uploads = [store.begin_multipart("a/b") for _ in contents]
    parts = [parts_of(store, *one) for one in zip(uploads, contents, strict=True)]
    won = outcomes(
        [lambda one=one: store.complete_multipart(*one) for one in zip(uploads, parts, strict=True)]
    )
    assert won.count(True) == 1
    assert read(store, "a/b") == contents[won.index(True)]


def test_sweeping_uploads_aborts_the_old_ones_only(store: ObjectStore) -> None:
    upload = store.begin_multipart("a/b")
    parts = parts_of(store, upload, b"x")
    assert store.sweep_multipart(older_than_seconds=3600) == 0
    store.complete_multipart(upload, parts)
    late = store.begin_multipart("a/c")
    store.put_part(late, 1, b"x")
    assert store.sweep_multipart(older_than_seconds=-60) == 1
    with pytest.raises(UploadMissing):
        store.put_part(late, 2, b"x")
    assert read(store, "a/b") == b"x"


# Health.


def test_a_store_that_works_says_so(store: ObjectStore, tmp_path: Path) -> None:
    store.check()
    assert in_staging(tmp_path) == []
    assert keys(store) == []
