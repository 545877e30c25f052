"""Zips in which two readers could see different files, and those that could do harm."""

from __future__ import annotations

import io
import struct
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.archives.zips import ZipLimits, is_plain_path, open_zip, read_member
from app.errors import InvalidInput
from tests.distributions import a_zip

FILES = {"a/METADATA": b"Name: a\n" * 20, "a/other": b"bytes", "empty": b""}
GOOD = a_zip(FILES)
LIMITS = ZipLimits()


def read(body: bytes, limits: ZipLimits = LIMITS) -> dict[str, bytes]:
    with open_zip(io.BytesIO(body), limits) as archive:
        return {one.filename: read_member(archive, one, 10_000) for one in archive.infolist()}


def written(**changes: object) -> bytes:
    """A zip of one file whose entry was changed before it was written."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        info = zipfile.ZipInfo("a")
        for name, value in changes.items():
            setattr(info, name, value)
        archive.writestr(info, b"x" * 100)
    return packed.getvalue()


def test_a_zip_is_read() -> None:
    assert read(GOOD) == FILES
    assert read(a_zip(FILES, zipfile.ZIP_STORED)) == FILES
    assert read(a_zip({})) == {}


def test_entries_that_were_streamed_are_read() -> None:
    class Pipe(io.RawIOBase):
        """What cannot be sought in, so that sizes follow the files."""

        def __init__(self) -> None:
            self.body = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, piece: bytes) -> int:  # type: ignore[override]  # of a test
            self.body += piece
            return len(piece)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in FILES.items():
            archive.writestr(name, body)
    assert read(bytes(pipe.body)) == FILES


def test_entries_with_64_bits_are_read() -> None:
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(packed, "w") as archive,
        archive.open("large", "w", force_zip64=True) as file,
    ):
        file.write(b"x" * 10)
    assert read(packed.getvalue()) == {"large": b"x" * 10}


def local_name(body: bytes, name: bytes) -> bytes:
    """Change the first name, which stands in the file's own header."""
    at = body.index(b"a/METADATA")
    return body[:at] + name + body[at + len(name) :]


def twice() -> bytes:
    """Two entries of one name: the second was written as another, and renamed."""
    return a_zip({"a": b"1", "b": b"2"}).replace(b"b", b"a")


def encrypted() -> bytes:
    body = bytearray(a_zip({"a": b"1"}))
    body[6] |= 1
    body[body.index(b"PK\x01\x02") + 8] |= 1
    return bytes(body)


def overlapping() -> bytes:
    """Both entries of the directory lead to the first file."""
    body = bytearray(a_zip({"a": b"1", "b": b"2"}))
    second = body.index(b"PK\x01\x02", body.index(b"PK\x01\x02") + 4)
    body[second + 42 : second + 46] = struct.pack("<L", 0)
    return bytes(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"PK",
        b"no zip" * 100,
        b"#!/bin/sh\n" + GOOD,
        GOOD + b"x",
        GOOD[:-10],
        GOOD[:100] + GOOD[101:],
        GOOD[:-2] + struct.pack("<H", 4) + b"abcd",  # a comment
        local_name(GOOD, b"b/METADATA"),
        twice(),
        overlapping(),
        encrypted(),
        written(compress_type=zipfile.ZIP_BZIP2),
        written(compress_type=zipfile.ZIP_LZMA),
        a_zip({"../x": b""}),
        a_zip({"/x": b""}),
        a_zip({"a\\b": b""}),
        a_zip({"a//b": b""}),
        a_zip({"C:/x": b""}),
        a_zip({"a\nb": b""}),
        a_zip({"a": b"", "a/": b""}),
    ],
)
def test_what_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        read(body)


def test_a_zip_that_is_a_tar_as_well_is_refused() -> None:
    body = bytearray(a_zip({"a" * 300: b""}, zipfile.ZIP_STORED))
    body[257:262] = b"ustar"
    with pytest.raises(InvalidInput, match="tar at once"):
        read(bytes(body))


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    body = a_zip({str(number): bytes(1024**2) for number in range(66)})
    with pytest.raises(InvalidInput, match="unpacks to far more"):
        read(body)


def test_too_many_entries_are_refused_by_their_count() -> None:
    count = 1_000_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 2**31, 100, 0)
    record = struct.pack(
        *("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, 46 * count, 4)
    )
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 4, 1)
    with pytest.raises(InvalidInput, match="more than 100000 files"):
        read(b"PK\x03\x04" + record + locator + end)


def test_a_member_over_its_limit_is_refused() -> None:
    with (
        open_zip(io.BytesIO(GOOD), LIMITS) as archive,
        pytest.raises(InvalidInput, match="larger than"),
    ):
        read_member(archive, archive.getinfo("a/METADATA"), 10)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_byte_that_was_changed_shows_nobody_other_files(at: int, change: int) -> None:
    body = bytearray(GOOD)
    body[at] ^= change
    with suppress(InvalidInput):
        found = read(bytes(body))
        # Times, attributes and versions of makers may differ; names and bytes may not.
        assert found == FILES


@given(st.binary(max_size=200), st.integers(0, len(GOOD)), st.integers(0, len(GOOD)))
@settings(max_examples=200)
def test_any_bytes_are_a_zip_or_refused(piece: bytes, start: int, stop: int) -> None:
    for body in (piece, GOOD[:start] + piece + GOOD[stop:]):
        with suppress(InvalidInput):
            read(body)


@given(st.text(max_size=30))
def test_a_plain_path_leads_nowhere_else(name: str) -> None:
    if is_plain_path(name):
        parts = name.rstrip("/").split("/")
        assert ".." not in parts
        assert not name.startswith("/")
        assert "\\" not in name
