from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import RangeNotSatisfiable
from app.storage.base import PIECE_BYTES, ObjectDamaged
from app.storage.files import (
    FileReader,
    move_durably,
    open_slice,
    remove_with_directories,
    span_length,
    sync_file,
)

if TYPE_CHECKING:
    from pathlib import Path


@given(st.integers(0, 100), st.integers(0, 120), st.none() | st.integers(0, 120))
def test_a_span_is_as_long_as_the_slice(size: int, start: int, length: int | None) -> None:
    if start > size:
        with pytest.raises(RangeNotSatisfiable):
            span_length(size, start, length)
        return
    end = None if length is None else start + length
    assert span_length(size, start, length) == len(bytes(size)[start:end])


def test_a_file_that_ends_early_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "short"
    path.write_bytes(bytes(PIECE_BYTES + 1))
    reader = FileReader("key", path.open("rb"), PIECE_BYTES + 10, 0, None)
    with pytest.raises(ObjectDamaged, match="key"):
        list(reader)
    assert reader.file is None


def test_a_range_past_the_end_leaves_no_file_open(tmp_path: Path) -> None:
    path = tmp_path / "short"
    path.write_bytes(b"123")
    file = path.open("rb")
    with pytest.raises(RangeNotSatisfiable):
        FileReader("key", file, 3, 4, None)
    assert file.closed


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    content=st.binary(max_size=300),
    start=st.integers(0, 300),
    length=st.integers(0, 300),
    steps=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300))),
)
def test_a_slice_of_a_file_reads_like_a_file_of_its_own(
    tmp_path: Path, content: bytes, start: int, length: int, steps: list[tuple[int, int]]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    start = min(start, len(content))
    expected = content[start : start + length]
    with open_slice(path, start, length) as file:
        assert file.read() == expected
        assert file.seek(0, os.SEEK_END) == len(expected)
        for position, count in steps:
            file.seek(position)
            assert file.tell() == position
            assert file.read(count) == expected[position : position + count]


def test_a_moved_file_has_its_new_name_alone(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "a" / "b" / "target"
    source.write_bytes(b"x")
    os.utime(source, (0, 0))
    sync_file(source)
    move_durably([(source, target)])
    assert not source.exists()
    assert target.read_bytes() == b"x"
    assert target.stat().st_mtime > 0
    assert target.stat().st_mode & 0o777 == 0o640
    assert target.stat().st_nlink == 1


@pytest.mark.parametrize("taken", ["a", "a/b", "a/b/c"])
def test_a_name_that_is_taken_is_refused(tmp_path: Path, taken: str) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    other = tmp_path / taken
    other.parent.mkdir(parents=True, exist_ok=True)
    other.write_bytes(b"other")
    with pytest.raises(FileExistsError):
        move_durably([(source, tmp_path / "a" / "b" / "c")])
    assert source.read_bytes() == b"x"
    assert other.read_bytes() == b"other"


def test_removing_a_file_takes_the_directories_that_it_leaves_empty(tmp_path: Path) -> None:
    (tmp_path / "top/a/b").mkdir(parents=True)
    (tmp_path / "top/a/b/file").touch()
    (tmp_path / "top/a/other").touch()
    remove_with_directories(tmp_path / "top/a/b/file", tmp_path / "top")
    assert [path.name for path in (tmp_path / "top/a").iterdir()] == ["other"]
    remove_with_directories(tmp_path / "top/a/other", tmp_path / "top")
    assert list((tmp_path / "top").iterdir()) == []


def test_files_move_in_while_others_empty_the_directory(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()

    def come_and_go(name: str) -> None:
        for number in range(150):
            source = tmp_path / f"{name}-{number}"
            source.touch()
            move_durably([(source, top / "a" / "b" / name)])
            remove_with_directories(top / "a" / "b" / name, top)
        done.append(name)

    done: list[str] = []
    threads = [threading.Thread(target=come_and_go, args=(name,)) for name in ("x", "y", "z")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == ["x", "y", "z"]
    assert list(top.iterdir()) == []
