from __future__ import annotations

import gzip
import io
import random
import tarfile
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.archives.tarballs import ArchiveLimits, Entry, EntryKind, Tarball
from app.errors import InvalidInput
from tests.unit.protocols.npm.artifacts import entry, packed_entries

LONG = "package/" + "d/" * 100 + "x" * 150


def entries_of(packed: bytes, **limits: int) -> list[Entry]:
    return list(Tarball(io.BytesIO(packed), ArchiveLimits(**limits)))


def refusal_of(packed: bytes, **limits: int) -> str:
    with pytest.raises(InvalidInput) as refused:
        entries_of(packed, **limits)
    return refused.value.message


def bodies_of(packed: bytes, limit_bytes: int = 10**9) -> dict[str, bytes]:
    tarball = Tarball(io.BytesIO(packed), ArchiveLimits())
    return {one.path: tarball.read_body(limit_bytes) for one in tarball}


def with_field(at: int, value: bytes) -> Callable[[bytes], bytes]:
    """Return what changes an archive's first header, and makes its checksum right again."""

    def bend(tar: bytes) -> bytes:
        header = bytearray(tar[:512])
        header[at : at + len(value)] = value
        return checked(header) + tar[512:]

    return bend


def checked(header: bytearray) -> bytes:
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


@pytest.mark.parametrize("tar_format", FORMATS)
def test_entries_of_every_kind_are_given_in_order(tar_format: int) -> None:
    packed = packed_entries(
        entry("package/lib", type=tarfile.DIRTYPE),
        entry("package/a", b"A" * 1000),
        entry("package/s", type=tarfile.SYMTYPE, linkname="a"),
        entry("package/h", type=tarfile.LNKTYPE, linkname="package/a"),
        with_package_json=False,
        tar_format=tar_format,
    )
    assert entries_of(packed) == [
        Entry("package/lib/", EntryKind.DIRECTORY, 0, ""),
        Entry("package/a", EntryKind.FILE, 1000, ""),
        Entry("package/s", EntryKind.SYMLINK, 0, "a"),
        Entry("package/h", EntryKind.HARDLINK, 0, "package/a"),
    ]


@pytest.mark.parametrize("tar_format", FORMATS)
def test_long_and_foreign_names_are_understood(tar_format: int) -> None:
    paths = ["package/\u00e9\u4e2d.js", "package/" + "y" * 88]
    if tar_format != tarfile.USTAR_FORMAT:
        paths.append(LONG)
    else:
        paths.append("package/" + "d/" * 60 + "x" * 40)
    packed = packed_entries(*(entry(path, b"x") for path in paths), tar_format=tar_format)
    assert [one.path for one in entries_of(packed)][1:] == paths


@pytest.mark.parametrize("tar_format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_link_targets_are_understood(tar_format: int) -> None:
    packed = packed_entries(
        entry("package/l", type=tarfile.SYMTYPE, linkname="t" * 300), tar_format=tar_format
    )
    assert entries_of(packed)[1].link_target == "t" * 300


def test_bodies_are_read_whole_in_part_or_not_at_all() -> None:
    source = random.Random(1)  # noqa: S311  any bytes will do
    contents = {
        f"package/{size}": source.randbytes(size) for size in (0, 1, 511, 512, 513, 700_000)
    }
    packed = packed_entries(
        *(entry(path, content) for path, content in contents.items()), with_package_json=False
    )
    assert bodies_of(packed) == contents
    assert bodies_of(packed, 512) == {path: content[:512] for path, content in contents.items()}
    assert [one.path for one in entries_of(packed)] == list(contents)


def with_pax(path: str, content: bytes = b"", /, **headers: str) -> tuple[tarfile.TarInfo, bytes]:
    info, content = entry(path, content)
    info.pax_headers = {name.replace("__", "."): value for name, value in headers.items()}
    return info, content


@pytest.mark.parametrize(
    ("odd", "complaint"),
    [
        (entry("package/d", type=tarfile.CHRTYPE), "is a device"),
        (entry("package/d", type=tarfile.BLKTYPE), "is a device"),
        (entry("package/d", type=tarfile.FIFOTYPE), "is a device"),
        (entry("package/d", type=b"S"), "is a device"),
        (entry("package/d", type=b"V"), "is a device"),
        (entry("package/d", type=b"M"), "is a device"),
        (entry("package/d", type=b"Z"), "is a device"),
        (entry("package/d", type=tarfile.CONTTYPE), "is a device"),
        (entry("x", b"package/a", type=b"L", linkname="a"), "extension header that is malformed"),
        (entry("package/d", mode=0o4755), "is setuid"),
        (entry("package/d", mode=0o2755), "is setuid"),
        (entry("package/d", b"x", type=tarfile.DIRTYPE), "malformed header"),
        (entry("package/d", b"x", type=tarfile.SYMTYPE, linkname="a"), "malformed header"),
        (entry("package/d", type=tarfile.SYMTYPE), "malformed header"),
        (with_pax("package/d", linkpath="a"), "malformed header"),
        (entry("package/d", type=tarfile.LNKTYPE), "malformed header"),
        (entry("package/d", linkname="a"), "malformed header"),
        (entry("package/d/", b"x"), "malformed header"),
        (entry(""), "without a path"),
        (with_pax("package/" + "d/" * 2100), "over 4096"),
        (with_pax("package/d", b"x", GNU__sparse__major="1"), "sparse file"),
        (with_pax("package/d", b"x", size="2"), "two sizes"),
        (with_pax("package/d", b"x", path="a\0b"), "path twice, or malformed"),
        (with_pax("package/d", b"x", comment="y" * 2**21), "extension header that is malformed"),
    ],
)
def test_what_no_package_needs_is_refused(
    odd: tuple[tarfile.TarInfo, bytes], complaint: str
) -> None:
    assert complaint in refusal_of(packed_entries(odd, tar_format=tarfile.PAX_FORMAT))


def _extension(flag: bytes, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
    return entry("././@LongLink", content, type=flag)


@pytest.mark.parametrize(
    "headers",
    [
        [(b"L", b"package/a\0"), (b"L", b"package/b\0")],
        [(b"L", b"package/a\0"), (b"x", b"18 path=package/b\n")],
        [(b"x", b"18 path=package/a\n18 path=package/b\n")],
        [(b"L", b"")],
        [(b"L", b"package/a\0b")],
        [(b"K", b"a\0"), (b"x", b"14 linkpath=a\n")],
        [(b"x", b"9 size=1\n"), (b"L", b"package/a\0")],
        [(b"x", b"12 comment=\n"), (b"x", b"12 comment=\n")],
        [(b"x", b"12 comment=\n"), (b"g", b"12 comment=\n")],
        [(b"g", b"18 path=package/a\n")],
        [(b"g", b"9 size=1\n")],
        [(b"x", b"path=a\n")],
        [(b"x", b"9 path=a\n9")],
        [(b"x", b"99 path=a\n")],
        [(b"x", b"0 path=a\n")],
        [(b"x", b"8 path=a\n")],
        [(b"x", b"9 pathxa\n")],
        [(b"x", b"-9 path=a\n")],
        [(b"x", b"99999999 path=a\n")],
    ],
)
def test_extension_headers_that_contradict_or_are_malformed_are_refused(
    headers: list[tuple[bytes, bytes]],
) -> None:
    odd = [_extension(flag, content) for flag, content in headers]
    assert refusal_of(packed_entries(*odd, entry("package/z", b"x")))


def test_an_extension_header_with_nothing_after_it_is_refused() -> None:
    assert "cut off" in refusal_of(packed_entries(_extension(b"L", b"package/a\0")))


def test_records_that_say_nothing_of_places_and_sizes_are_passed_over() -> None:
    packed = packed_entries(
        _extension(b"g", b"12 comment=\n"),
        _extension(b"x", b"20 mtime=1700000000\n"),
        entry("package/z", b"x"),
    )
    assert [one.path for one in entries_of(packed)] == ["package/package.json", "package/z"]


def test_a_chain_of_extension_headers_counts_as_entries() -> None:
    chain = [_extension(b"g", b"12 comment=\n")] * 50
    packed = packed_entries(*chain, entry("package/z"))
    assert "more than 40 entries" in refusal_of(packed, max_entries=40)


@pytest.mark.parametrize(
    ("packed", "complaint"),
    [
        (b"", "cut off"),
        (b"\x1f", "cut off"),
        (b"PK\x03\x04" + bytes(100), "is not gzip"),
        (bytes(1000), "is not gzip"),
        (b"\x1f\x8b\x08" + b"\xff" * 100, "its gzip is corrupt"),
        (packed_entries()[:-1], "cut off"),
        (packed_entries()[:-9], "cut off"),
        (packed_entries()[:40], "cut off"),
        (packed_entries() + b"x", "after the end of its gzip"),
        (packed_entries() + b"\0", "after the end of its gzip"),
        (packed_entries() + packed_entries(), "after the end of its gzip"),
        (packed_entries(bend=lambda tar: tar + b"x"), "after the end of its tar"),
        (packed_entries(bend=lambda tar: tar + tar), "after the end of its tar"),
        (packed_entries(bend=lambda tar: tar[:600]), "cut off"),
        (packed_entries(bend=lambda tar: tar[:100]), "cut off"),
        (packed_entries(bend=lambda _: b"hello, world" * 100), "damaged, or not a tar"),
        (packed_entries(bend=lambda tar: b"P" + tar[1:]), "checksum is wrong"),
        (packed_entries(bend=with_field(124, b"9")), "a size that is none"),
        (packed_entries(bend=with_field(124, b"\x80")), "a size that is none"),
        (packed_entries(bend=with_field(100, b"-")), "a mode that is none"),
    ],
)
def test_a_file_that_is_no_whole_tarball_is_refused(packed: bytes, complaint: str) -> None:
    assert complaint in refusal_of(packed)


def test_a_corrupt_trailer_is_seen() -> None:
    packed = bytearray(packed_entries())
    packed[-5] ^= 1
    assert "corrupt" in refusal_of(bytes(packed))


def test_an_archive_may_end_without_its_zeros() -> None:
    packed = packed_entries(bend=lambda tar: tar[:1024])
    assert [one.path for one in entries_of(packed)] == ["package/package.json"]


def test_an_old_tar_with_something_where_new_ones_have_a_prefix_is_refused() -> None:
    def make_old(tar: bytes) -> bytes:
        return with_field(257, bytes(8))(with_field(345, b"extra")(tar))

    assert "old kind of tar" in refusal_of(packed_entries(bend=make_old))


def test_a_bomb_is_found_before_it_is_unpacked() -> None:
    # Its ratio is about 1,000; only the size is smaller than that of one in earnest.
    bomb = packed_entries(entry("package/bomb", bytes(2**25)))
    assert "unpacks to far more" in refusal_of(bomb, ratio_counts_from_bytes=2**24)
    assert "unpacks to far more" in refusal_of(bomb, max_unpacked_bytes=2**24)
    assert len(entries_of(bomb)) == 2


def test_an_archive_of_too_many_entries_is_refused() -> None:
    packed = packed_entries(*(entry(f"package/{number}") for number in range(30)))
    assert "more than 30 entries" in refusal_of(packed, max_entries=30)
    assert len(entries_of(packed, max_entries=31)) == 31


def _raw_header(path: bytes, size: bytes, flag: bytes, rest: bytes) -> bytes:
    header = bytearray(512)
    header[: len(path)] = path
    header[124 : 124 + len(size)] = size
    header[156:157] = flag
    header[257:265] = b"ustar\x0000"
    header[157 : 157 + len(rest)] = rest
    return checked(header)


headers = st.builds(
    _raw_header,
    st.binary(max_size=100),
    st.sampled_from([b"", b"00000000001\0", b"00000001000", b"7" * 11, b"\xff" * 12])
    | st.binary(max_size=12),
    st.sampled_from([b"0", b"5", b"2", b"x", b"g", b"L", b"K", b"\0"])
    | st.binary(min_size=1, max_size=1),
    st.binary(max_size=20),
)
blocks = st.lists(headers | st.binary(min_size=512, max_size=512) | st.just(bytes(512)), max_size=6)


@given(blocks)
def test_any_blocks_are_either_an_archive_or_refused(tar: list[bytes]) -> None:
    try:
        found = entries_of(gzip.compress(b"".join(tar), 1))
    except InvalidInput:
        return
    assert len(found) <= len(tar)


@given(st.binary(max_size=300))
@example(gzip.compress(b""))
@example(gzip.compress(bytes(1024)))
def test_any_bytes_are_either_an_archive_or_refused(packed: bytes) -> None:
    try:
        found = entries_of(packed)
    except InvalidInput:
        return
    assert found == []


@given(st.data())
def test_a_damaged_archive_is_never_read_as_another(data: st.DataObject) -> None:
    whole = packed_entries(entry("package/a", b"content"))
    damaged = bytearray(whole)
    damaged[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = bodies_of(bytes(damaged))
    except InvalidInput:
        return
    # Some bits of a gzip file say nothing: its time, its system, those after its last code.
    assert found == bodies_of(whole)


def test_more_pax_records_than_anybody_writes_are_refused() -> None:
    """Five bytes each, that compress to nothing: they would cost seconds for each MiB."""
    body = b"5 a=\n" * 200_000
    extended = b"".join(
        _header("x", len(body), b"x") + body + bytes(-len(body) % 512) + _header(f"p/{one}", 0)
        for one in range(8)
    )
    assert "says far too much" in refusal_of(gzip.compress(extended + bytes(1024)))


def _header(name: str, size: int, kind: bytes = b"0") -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.USTAR_FORMAT)
