from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING

import pytest

from app.storage.disk_cache import DiskCache

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 100_000
SIZE = 20_000


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def cache(directory: Path) -> DiskCache:
    return DiskCache(directory, limit_bytes=LIMIT)


def keep(cache: DiskCache, key: str, content: bytes) -> bool:
    filling = cache.fill(key, len(content))
    if filling is None:
        return False
    filling.write(content)
    filling.commit(hashlib.sha256(content).hexdigest())
    return True


def kept(cache: DiskCache, key: str, sha256: str = "") -> bytes | None:
    copy = cache.open(key, sha256)
    if copy is None:
        return None
    with copy.file as file:
        return file.read(copy.size_bytes)


def files(directory: Path) -> list[Path]:
    return [path for path in directory.glob("*/*") if path.is_file()]


def used_bytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in files(directory))


def used_ago(directory: Path, key: str, seconds: float) -> None:
    name = hashlib.sha256(key.encode()).hexdigest()
    os.utime(directory / name[:2] / name, (time.time() - seconds,) * 2)


def test_what_was_kept_is_found_with_its_digest(cache: DiskCache) -> None:
    assert kept(cache, "a") is None
    assert keep(cache, "a", b"content")
    assert kept(cache, "a") == b"content"
    digest = hashlib.sha256(b"content").hexdigest()
    assert kept(cache, "a", digest) == b"content"
    copy = cache.open("a")
    assert copy is not None
    assert copy.sha256 == digest
    copy.file.close()


def test_a_copy_outlives_the_process_that_made_it(cache: DiskCache, directory: Path) -> None:
    keep(cache, "a", b"content")
    assert kept(DiskCache(directory, limit_bytes=LIMIT), "a") == b"content"


def test_a_local_file_becomes_a_copy_without_being_copied(cache: DiskCache, tmp_path: Path) -> None:
    source = tmp_path / "staged"
    source.write_bytes(b"content")
    filling = cache.fill("a", 7, source=source)
    assert filling is not None
    assert kept(cache, "a") is None
    source.unlink()
    filling.commit(hashlib.sha256(b"content").hexdigest())
    assert kept(cache, "a") == b"content"


def test_what_was_given_up_is_not_found_and_leaves_the_source_as_it_was(
    cache: DiskCache, directory: Path, tmp_path: Path
) -> None:
    source = tmp_path / "staged"
    source.write_bytes(b"content")
    for given in (None, source):
        filling = cache.fill("a", 7, source=given)
        assert filling is not None
        filling.write(b"cont") if given is None else None
        filling.discard()
        filling.discard()
        filling.commit(hashlib.sha256(b"content").hexdigest())
        assert kept(cache, "a") is None
    assert files(directory) == []
    assert source.read_bytes() == b"content"


def test_an_object_is_filled_by_one_at_a_time(cache: DiskCache, directory: Path) -> None:
    filling = cache.fill("a", 7)
    assert filling is not None
    other = DiskCache(directory, limit_bytes=LIMIT)
    assert other.fill("a", 7) is None
    filling.discard()
    assert keep(other, "a", b"content")


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[:10],
        lambda _: b"",
        lambda content: content + b"x",
        lambda content: bytes(len(content)),
        lambda content: content[:100] + content[101:],
    ],
)
def test_a_damaged_copy_is_removed(cache: DiskCache, directory: Path, damage) -> None:  # noqa: ANN001  each a different function
    keep(cache, "a", b"content" * 100)
    (path,) = files(directory)
    path.write_bytes(damage(path.read_bytes()))
    assert kept(cache, "a") is None
    assert files(directory) == []


def test_a_copy_with_another_digest_is_removed(cache: DiskCache, directory: Path) -> None:
    keep(cache, "a", b"content")
    assert kept(cache, "a", hashlib.sha256(b"another").hexdigest()) is None
    assert files(directory) == []


def test_dropping_forgets_a_copy_and_one_that_is_being_made(
    cache: DiskCache, directory: Path
) -> None:
    cache.drop("a")
    keep(cache, "a", b"content")
    cache.drop("a")
    assert kept(cache, "a") is None
    late = cache.fill("a", 3)
    assert late is not None
    late.write(b"old")
    cache.drop("a")
    keep(cache, "a", b"new")
    late.commit(hashlib.sha256(b"old").hexdigest())
    assert kept(cache, "a") == b"new"
    assert len(files(directory)) == 1


def test_what_was_used_longest_ago_makes_room(cache: DiskCache, directory: Path) -> None:
    for number in range(4):
        assert keep(cache, f"{number}", bytes([number]) * SIZE)
        used_ago(directory, f"{number}", 1000 - number)
    assert kept(cache, "0") is not None  # That is a use.
    assert keep(cache, "new", b"n" * SIZE)
    found = [key for key in ("0", "1", "2", "3", "new") if kept(cache, key) is not None]
    assert found == ["0", "2", "3", "new"]
    assert used_bytes(directory) <= LIMIT


def test_whoever_reads_a_copy_reads_on_when_it_makes_room(
    cache: DiskCache, directory: Path
) -> None:
    keep(cache, "old", b"o" * SIZE)
    copy = cache.open("old")
    assert copy is not None
    used_ago(directory, "old", 1000)
    for number in range(5):
        keep(cache, f"{number}", b"n" * SIZE)
    assert kept(cache, "old") is None
    with copy.file as file:
        assert file.read(copy.size_bytes) == b"o" * SIZE


def test_the_bound_holds_with_what_is_being_filled(cache: DiskCache, directory: Path) -> None:
    fillings = [cache.fill(f"{number}", SIZE) for number in range(6)]
    begun = [filling for filling in fillings if filling]
    assert len(begun) == 4
    assert used_bytes(directory) <= LIMIT
    for filling in begun:
        filling.discard()
    assert keep(cache, "after", b"x" * SIZE)


def test_an_object_that_would_take_much_of_the_cache_is_not_kept(cache: DiskCache) -> None:
    assert cache.fill("large", cache.largest_bytes + 1) is None
    assert keep(cache, "largest", bytes(cache.largest_bytes))


def test_a_count_that_was_lost_is_made_anew(cache: DiskCache, directory: Path) -> None:
    for number in range(4):
        keep(cache, f"{number}", b"x" * SIZE)
    (directory / "usage").write_bytes(b"")
    for number in range(4, 20):
        assert keep(cache, f"{number}", b"x" * SIZE)
        assert used_bytes(directory) <= LIMIT


def test_a_disk_that_fails_costs_the_copy_and_nothing_else(
    cache: DiskCache, directory: Path
) -> None:
    keep(cache, "a", b"content")
    (path,) = files(directory)
    path.unlink()
    path.mkdir()  # What no file can be written over.
    assert kept(cache, "a") is None
    keep(cache, "a", b"content")
    cache.drop("a")
    assert kept(cache, "a") is None
    assert files(directory) == []
