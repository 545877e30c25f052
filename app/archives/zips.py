"""Open a zip in which every reader sees the same files, or refuse it.

``zipfile`` believes the central directory; others read from the front. So each entry has to be
where the directory says, with the same name and sizes, one after the other without a gap, and
there is nothing before the first nor after the end.

Spec: APPNOTE.TXT 6.3, sections 4.3 and 4.5.3.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from app.errors import InvalidInput

_END = struct.Struct("<4s4H2LH")
_END_MAGIC = b"PK\x05\x06"
_LOCATOR = struct.Struct("<4sLQL")
_LOCATOR_MAGIC = b"PK\x06\x07"
_END_64 = struct.Struct("<4sQ2H2L4Q")
_END_64_MAGIC = b"PK\x06\x06"
_LOCAL = struct.Struct("<4s5H3L2H")
_LOCAL_MAGIC = b"PK\x03\x04"
_IN_ZIP64 = 0xFFFF
_SIZE_IN_ZIP64 = 0xFFFFFFFF

_ENCRYPTED = 0x1 | 0x40 | 0x2000
_HAS_DESCRIPTOR = 0x8
_UTF_8 = 0x800
_DESCRIPTOR_MAGIC = b"PK\x07\x08"
_DESCRIPTORS = {
    12: (b"", struct.Struct("<3L")),
    16: (_DESCRIPTOR_MAGIC, struct.Struct("<3L")),
    20: (b"", struct.Struct("<LQQ")),
    24: (_DESCRIPTOR_MAGIC, struct.Struct("<LQQ")),
}
"""CRC, packed and unpacked size, by the length: some have a magic before, some 64 bits."""

_EXTRA_FIELD = struct.Struct("<2H")
_ZIP64_FIELD = 0x0001
_UNICODE_PATH_FIELD = 0x7075
_PIECE_BYTES = 256 * 1024
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})

_USTAR = slice(257, 262)
_SHOWN = 200


@dataclass(frozen=True, kw_only=True)
class ZipLimits:
    """What a zip may cost.

    Attributes:
        max_ratio: of unpacked to packed bytes, once ``ratio_counts_from_bytes`` are unpacked.
    """

    max_entries: int = 100_000
    max_directory_bytes: int = 32 * 1024**2
    max_ratio: int = 50
    ratio_counts_from_bytes: int = 64 * 1024**2


def open_zip(file: BinaryIO, limits: ZipLimits) -> zipfile.ZipFile:
    """Open a zip for reading, after its structure was judged.

    Args:
        file: can be sought in.
        limits: what it may cost.

    Raises:
        InvalidInput: it is no zip, or one that could be read in more than one way.
    """
    size_bytes = file.seek(0, os.SEEK_END)
    directory = _find_directory(file, size_bytes, limits)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
        raise InvalidInput("the zip is damaged") from error
    entries = sorted(archive.infolist(), key=lambda one: one.header_offset)
    _judge(entries, size_bytes, limits)
    _walk(file, entries, directory)
    return archive


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit_bytes: int) -> bytes:
    """Read a member that is no larger than a limit.

    Raises:
        InvalidInput: it is larger, or damaged.
    """
    try:
        with archive.open(member) as opened:
            body = opened.read(limit_bytes + 1)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, ValueError) as error:
        raise InvalidInput(f"{member.filename[:_SHOWN]!r} is damaged") from error
    if len(body) > limit_bytes:
        raise InvalidInput(f"{member.filename[:_SHOWN]!r} is larger than {limit_bytes} bytes")
    return body


@dataclass(frozen=True)
class _Directory:
    """Where the central directory is, and how many entries it says that it has."""

    start: int
    count: int


def _find_directory(file: BinaryIO, size_bytes: int, limits: ZipLimits) -> _Directory:
    """Find the central directory, which has to end where the end records begin."""
    head = _read(file, 0, 512)
    if not head.startswith((_LOCAL_MAGIC, _END_MAGIC)):
        raise InvalidInput("it is no zip, or has something before its first file")
    if head[_USTAR] == b"ustar":
        raise InvalidInput("it is a zip and a tar at once")
    end_at = size_bytes - _END.size
    if end_at < 0:
        raise InvalidInput("it is no zip")
    magic, disk, first_disk, here, count, size, start, comment = _END.unpack(
        _read(file, end_at, _END.size)
    )
    if magic != _END_MAGIC or comment:
        raise InvalidInput("it is no zip, or has something after its end")
    if _IN_ZIP64 in {here, count} or _SIZE_IN_ZIP64 in {size, start}:
        said = (here, count, size, start)
        end_at, disk, first_disk, here, count, size, start = _read_zip64(file, end_at)
        _require_same(said, (here, count, size, start))
    elif _read(file, max(end_at - _LOCATOR.size, 0), 4) == _LOCATOR_MAGIC:
        # ``zipfile`` would believe it, and read a directory of any size from anywhere.
        raise InvalidInput("the zip has an end record that not every reader looks at")
    if disk or first_disk or here != count:
        raise InvalidInput("the zip is in several parts")
    if count > limits.max_entries or size > limits.max_directory_bytes:
        raise InvalidInput(f"it has more than {limits.max_entries} files")
    if start + size != end_at:
        raise InvalidInput("the zip's directory is not where it says, or something follows it")
    return _Directory(start=start, count=count)


def _read_zip64(file: BinaryIO, end_at: int) -> tuple[int, int, int, int, int, int, int]:
    locator_at = end_at - _LOCATOR.size
    if locator_at < _END_64.size:
        raise InvalidInput("the zip is damaged")
    magic, disk, record_at, disks = _LOCATOR.unpack(_read(file, locator_at, _LOCATOR.size))
    if magic != _LOCATOR_MAGIC or disk or disks > 1 or record_at + _END_64.size != locator_at:
        raise InvalidInput("the zip's end record is damaged")
    magic, _size, _made, _needed, number, first, here, count, size, start = _END_64.unpack(
        _read(file, record_at, _END_64.size)
    )
    if magic != _END_64_MAGIC:
        raise InvalidInput("the zip's end record is damaged")
    return record_at, number, first, here, count, size, start


def _require_same(said: tuple[int, ...], meant: tuple[int, ...]) -> None:
    """Let an end record pass that gives what fits into it as the one with 64 bits does."""
    elsewhere = (_IN_ZIP64, _IN_ZIP64, _SIZE_IN_ZIP64, _SIZE_IN_ZIP64)
    if any(one not in pair for one, *pair in zip(said, meant, elsewhere, strict=True)):
        raise InvalidInput("the zip's two end records differ")


def _judge(entries: Sequence[zipfile.ZipInfo], size_bytes: int, limits: ZipLimits) -> None:
    """Judge what the directory says of each entry, and of all together."""
    names = set()
    for one in entries:
        name = one.orig_filename
        shown = repr(name[:_SHOWN])
        if one.flag_bits & _ENCRYPTED:
            raise InvalidInput(f"{shown} is encrypted")
        if one.compress_type not in _METHODS:
            raise InvalidInput(f"{shown} is compressed in a way that not every installer knows")
        if not is_plain_path(name):
            raise InvalidInput(
                f"{shown} is absolute, or has '..', a backslash or a control character in it"
            )
        if name in names or name.rstrip("/") in names:
            raise InvalidInput(f"{shown} is in it twice")
        names.add(name.rstrip("/"))
    files = {one.orig_filename for one in entries if not one.orig_filename.endswith("/")}
    # Sorted so, what is in a folder comes right after it: paths may be long, and have many parts.
    for above, below in pairwise(sorted(names, key=lambda name: name.replace("/", "\0"))):
        if above in files and below.startswith(f"{above}/"):
            raise InvalidInput(f"{above[:_SHOWN]!r} is a file and a folder")
    unpacked = sum(one.file_size for one in entries)
    if unpacked > limits.ratio_counts_from_bytes and unpacked > limits.max_ratio * size_bytes:
        raise InvalidInput(f"it unpacks to far more than it should: {unpacked // 1024**2} MiB")


def is_plain_path(name: str) -> bool:
    """Whether a member's name leads into the folder that it is unpacked in, on every system."""
    parts = name.rstrip("/").split("/")
    return (
        name.isprintable()
        and "\\" not in name
        and ":" not in parts[0]
        and all(part not in {"", ".", ".."} for part in parts)
    )


def _walk(file: BinaryIO, entries: Sequence[zipfile.ZipInfo], directory: _Directory) -> None:
    """Walk from one entry to the next, as a reader does that begins at the front."""
    if len(entries) != directory.count:
        raise InvalidInput("the zip's directory has more or fewer files than it says")
    at = 0
    for index, one in enumerate(entries):
        if one.header_offset != at:
            raise InvalidInput("the zip has overlapping files, or something between them")
        after = entries[index + 1].header_offset if index + 1 < len(entries) else directory.start
        at = _after(file, one, after)
    if at != directory.start:
        raise InvalidInput("the zip has something between its last file and its directory")


def _after(file: BinaryIO, entry: zipfile.ZipInfo, following: int) -> int:
    """Check an entry's own header, and return where the entry ends.

    Args:
        file: the zip.
        entry: as the directory has it.
        following: where the next one begins.
    """
    shown = repr(entry.orig_filename[:_SHOWN])
    block = _read(file, entry.header_offset, _LOCAL.size)
    if len(block) < _LOCAL.size:
        raise InvalidInput("the zip is cut off")
    magic, _version, flags, method, _time, _date, crc, packed, size, name_size, extra_size = (
        _LOCAL.unpack(block)
    )
    name = file.read(name_size)
    fields = _extra_fields(file.read(extra_size), shown)
    wanted = entry.orig_filename.encode("utf-8" if entry.flag_bits & _UTF_8 else "cp437")
    is_same_name = name == wanted and (name.isascii() or not (flags ^ entry.flag_bits) & _UTF_8)
    if flags & _ENCRYPTED:
        raise InvalidInput(f"{shown} is encrypted")
    if magic != _LOCAL_MAGIC or not is_same_name or method != entry.compress_type:
        raise InvalidInput(f"{shown} is another file to readers that begin at the front")
    if _UNICODE_PATH_FIELD in fields or _UNICODE_PATH_FIELD in _extra_fields(entry.extra, shown):
        raise InvalidInput(f"{shown} has another name to some readers")
    is_streamed = bool(flags & _HAS_DESCRIPTOR)
    size, packed = _with_64_bits(size, packed, fields.get(_ZIP64_FIELD, b""))
    stated = (crc, packed, size)
    actual = (entry.CRC, entry.compress_size, entry.file_size)
    if not all(
        here == there or (is_streamed and not here)
        for here, there in zip(stated, actual, strict=True)
    ):
        raise _other_length(shown)
    at: int = entry.header_offset + _LOCAL.size + name_size + extra_size
    end: int = at + entry.compress_size
    if not is_streamed:
        return end
    descriptor = _DESCRIPTORS.get(following - end)
    if descriptor is None or not _ends_by_itself(file, at, entry):
        raise _other_length(shown)
    descriptor_magic, fields_of = descriptor
    if not _read(file, end, following - end).startswith(descriptor_magic):
        raise _other_length(shown)
    if fields_of.unpack(_read(file, following - fields_of.size, fields_of.size)) != actual:
        raise _other_length(shown)
    return following


def _extra_fields(extra: bytes, shown: str) -> dict[int, bytes]:
    """Take the extra fields of a header apart; what is left at their end is nobody's."""
    fields: dict[int, bytes] = {}
    at = 0
    while at + _EXTRA_FIELD.size <= len(extra):
        number, size = _EXTRA_FIELD.unpack_from(extra, at)
        at += _EXTRA_FIELD.size
        if at + size > len(extra) or (number == _ZIP64_FIELD and number in fields):
            raise InvalidInput(f"{shown} has a damaged header")
        fields[number] = extra[at : at + size]
        at += size
    return fields


def _with_64_bits(size: int, packed: int, field: bytes) -> tuple[int, int]:
    """Return what a reader takes for an entry's sizes that knows their 64 bits."""
    values = [size, packed]
    places = [place for place, one in enumerate(values) if one == _SIZE_IN_ZIP64]
    for place, at in zip(places, range(0, len(field) - 7, 8), strict=False):
        values[place] = int.from_bytes(field[at : at + 8], "little")
    return values[0], values[1]


def _ends_by_itself(file: BinaryIO, at: int, entry: zipfile.ZipInfo) -> bool:
    """Whether who unpacks an entry finds its end where the directory says that it is."""
    if entry.compress_type != zipfile.ZIP_DEFLATED:
        return not entry.compress_size
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    left, size, crc = entry.compress_size, 0, 0
    file.seek(at, io.SEEK_SET)
    try:
        while not inflater.eof and size <= entry.file_size:
            source = inflater.unconsumed_tail
            if not source:
                source = file.read(min(left, _PIECE_BYTES))
                left -= len(source)
            piece = inflater.decompress(source, _PIECE_BYTES)
            size += len(piece)
            crc = zlib.crc32(piece, crc)
            if not source and not piece:
                break
    except zlib.error:
        return False
    is_whole = inflater.eof and not inflater.unused_data and not left
    return is_whole and size == entry.file_size and crc == entry.CRC


def _other_length(shown: str) -> InvalidInput:
    return InvalidInput(f"{shown} is not as long as the zip's directory says")


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at, io.SEEK_SET)
    return file.read(size)
