"""Zips in which two readers could see different files, and those that could do harm."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
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
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 4, 0)
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


def local(name: bytes, data: bytes, *, extra: bytes = b"", **changed: int) -> bytes:
    """An entry's own header, and its bytes as they are."""
    said = {"flags": 0, "method": 0, "crc": zlib.crc32(data), "packed": len(data)}
    said |= {"size": len(data)} | changed
    head = struct.pack(
        "<4s5H3L2H", b"PK\x03\x04", 45, said["flags"], said["method"], 0, 33, said["crc"],
        said["packed"], said["size"], len(name), len(extra),
    )  # fmt: skip
    return head + name + extra + data


def central(
    name: bytes, at: int, data: bytes, *, extra: bytes = b"", comment: bytes = b"", **changed: int
) -> bytes:
    """What the directory says of an entry."""
    said = {"flags": 0, "method": 0, "crc": zlib.crc32(data), "packed": len(data)}
    said |= {"size": len(data)} | changed
    head = struct.pack(
        "<4s6H3L5H2L", b"PK\x01\x02", 20, 45, said["flags"], said["method"], 0, 33, said["crc"],
        said["packed"], said["size"], len(name), len(extra), len(comment), 0, 0, 0, at,
    )  # fmt: skip
    return head + name + extra + comment


def whole(body: bytes, directory: bytes, count: int = 1) -> bytes:
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), len(body), 0)
    return body + directory + end


def test_a_directory_that_only_zipfile_looks_at_is_refused() -> None:
    """An end record in the last comment: ``unzip`` and Go read the one directory, pip another."""
    body = local(b"seen", b"x")
    hidden = central(b"seen", 0, b"x") * 3
    at = len(body) + len(central(b"seen", 0, b"x")) + len(hidden)
    end64 = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 3, 3, len(hidden), at - len(hidden)
    )
    comment = hidden + end64 + struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    packed = whole(body, central(b"seen", 0, b"x", comment=comment))
    assert len(zipfile.ZipFile(io.BytesIO(packed)).infolist()) == 3
    with pytest.raises(InvalidInput, match="not every reader"):
        read(packed)


def test_end_records_that_differ_are_refused() -> None:
    body, directory = local(b"seen", b"x"), central(b"seen", 0, b"x")
    at = len(body) + len(directory)
    end64 = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, len(directory), len(body)
    )
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    for said, is_fine in ((len(body), True), (0, False)):
        end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 0xFFFF, len(directory), said, 0)
        packed = body + directory + end64 + locator + end
        if is_fine:
            assert read(packed) == {"seen": b"x"}
            continue
        with pytest.raises(InvalidInput, match="differ"):
            read(packed)


@pytest.mark.parametrize("where", ["local", "central"])
def test_a_second_name_is_refused(where: str) -> None:
    """Python 3.12 and Info-ZIP take the name in the extra field, Python 3.11 the other."""
    field = struct.pack("<BL", 1, zlib.crc32(b"seen")) + b"../escaped"
    extra = struct.pack("<HH", 0x7075, len(field)) + field
    extras = {"local": b"", "central": b""} | {where: extra}
    packed = whole(
        local(b"seen", b"x", extra=extras["local"]),
        central(b"seen", 0, b"x", extra=extras["central"]),
    )
    with pytest.raises(InvalidInput, match="another name"):
        read(packed)


def deflated(data: bytes) -> bytes:
    worker = zlib.compressobj(9, zlib.DEFLATED, -15)
    return worker.compress(data) + worker.flush()


def test_a_file_behind_one_that_was_streamed_is_refused() -> None:
    """Who reads from the front finds the first file's end in it, and then another file."""
    data = b"good" * 20
    said = struct.pack("<4s3L", b"PK\x07\x08", zlib.crc32(data), len(deflated(data)), len(data))
    inside = deflated(data) + said + local(b"hidden", b"evil" * 10)
    about = {"flags": 8, "method": 8, "crc": zlib.crc32(data)}
    packed = whole(
        local(b"seen", inside, flags=8, method=8, crc=0, packed=0, size=0),
        central(b"seen", 0, data, **about, packed=len(inside) - 16),
    )
    with pytest.raises(InvalidInput, match="not as long"):
        read(packed)


def test_a_file_behind_one_with_64_bits_is_refused() -> None:
    data = b"good" * 20
    inside = deflated(data) + local(b"hidden", b"evil" * 10)
    extra = struct.pack("<HHQQ", 1, 16, len(data), len(deflated(data)))
    most, crc = 0xFFFFFFFF, zlib.crc32(data)
    packed = whole(
        local(b"seen", inside, extra=extra, method=8, crc=crc, packed=most, size=most),
        central(b"seen", 0, data, method=8, packed=len(inside)),
    )
    with pytest.raises(InvalidInput, match="not as long"):
        read(packed)


def test_a_local_header_that_says_encrypted_is_refused() -> None:
    body = bytearray(GOOD)
    body[6] |= 1
    with pytest.raises(InvalidInput, match="encrypted"):
        read(bytes(body))


@pytest.mark.parametrize("path", ["a/b", "a/b/c", "a/b/"])
def test_a_file_that_is_a_folder_as_well_is_refused(path: str) -> None:
    body = a_zip({"a": b"x", "a-b/c": b"", "a!": b"", "a.b": b"", "ab/c": b""})
    assert read(body)["a"] == b"x"
    with pytest.raises(InvalidInput, match="'a' is a file and a folder"):
        read(a_zip({"a": b"x", "a-b/c": b"", "a!": b"", "a.b": b"", "ab/c": b"", path: b""}))


@pytest.mark.parametrize(("magic", "is_fine"), [(b"", True), (b"PK\7\x08", True), (b"ABCD", False)])
def test_a_descriptor_begins_with_its_magic_or_none(magic: bytes, *, is_fine: bool) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(b"x") + packer.flush()
    facts = struct.pack("<3L", zlib.crc32(b"x"), len(packed), 1)
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 8, 8, 0, 33, 0, 0, 0, 1, 0) + b"a"
    front = local + packed + magic + facts
    directory = (
        struct.pack("<4s6H", b"PK\1\2", 20, 20, 8, 8, 0, 33)
        + facts
        + struct.pack("<5H2L", 1, 0, 0, 0, 0, 0, 0)
        + b"a"
    )
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(directory), len(front), 0)
    body = front + directory + end
    if is_fine:
        assert read(body) == {"a": b"x"}
        return
    with pytest.raises(InvalidInput):
        read(body)
