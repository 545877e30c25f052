"""Read a tar, plain or gzip-compressed, once, in constant memory, refusing what is ambiguous.

``tarfile`` will not do here: it follows a chain of long-name headers by recursion, takes
a header's announced size in one allocation, and passes over damage. And where two readers
may disagree about an archive, one of them can be shown other files than the one that is
installed: what an ordinary packer never writes is refused, not interpreted.

Spec: RFC 1952; POSIX.1-2017, pax, "ustar Interchange Format"; the long names of GNU tar.
"""

from __future__ import annotations

import re
import struct
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import BinaryIO, NamedTuple

from app.errors import InvalidInput

_GZIP = zlib.MAX_WBITS | 16
_GZIP_MAGIC = b"\x1f\x8b"
_COMPRESSED_PIECE_BYTES = 64 * 1024
_PIECE_BYTES = 256 * 1024

_BLOCK_BYTES = 512
_END_BLOCK = bytes(_BLOCK_BYTES)
_HEADER = struct.Struct("100s 8s 16x 12s 12x 8s c 100s 8s 80x 155s 12x")
_CHECKSUM_FIELD = slice(148, 156)
_USTAR = b"ustar\x0000"
_SETUID_SETGID = 0o6000

_MAX_EXTENSION_BYTES = 1024 * 1024
_MAX_PAX_RECORDS = 1_000_000  # of the whole tar: each costs microseconds, and six bytes
_MAX_PATH_LENGTH = 4096
_SHOWN_LENGTH = 200
_PAX_LENGTH = re.compile(rb"([1-9][0-9]{0,6}) ")


@dataclass(frozen=True, kw_only=True)
class ArchiveLimits:
    """What an archive may cost.

    Attributes:
        max_entries: headers of every kind.
        max_unpacked_bytes: of the whole tar, padding included.
        max_ratio: of unpacked to packed bytes, once ``ratio_counts_from_bytes`` are unpacked.
    """

    max_entries: int = 100_000
    max_unpacked_bytes: int = 8 * 1024**3
    max_ratio: int = 100
    ratio_counts_from_bytes: int = 1024**3


class EntryKind(Enum):
    """What a header announces; there is nothing else that a package may hold."""

    EXTENSION = "extension"
    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symbolic link"
    HARDLINK = "hard link"


class Entry(NamedTuple):
    """One entry, as its headers give it. Nothing is known of its path but that it is not empty."""

    path: str
    kind: EntryKind
    size_bytes: int
    link_target: str


_KINDS = {
    b"0": EntryKind.FILE,
    b"\0": EntryKind.FILE,
    b"5": EntryKind.DIRECTORY,
    b"1": EntryKind.HARDLINK,
    b"2": EntryKind.SYMLINK,
    b"L": EntryKind.EXTENSION,  # GNU: the next entry's long path
    b"K": EntryKind.EXTENSION,  # GNU: its long link target
    b"x": EntryKind.EXTENSION,  # pax: records about it
    b"g": EntryKind.EXTENSION,  # pax: records about all that follow
}


@dataclass
class _Extensions:
    """What extension headers said about the entry that follows them."""

    values: dict[str, bytes] = field(default_factory=dict)
    flags: set[bytes] = field(default_factory=set)

    def add(self, flag: bytes) -> None:
        """Take note of a header; readers apply a mixture of them in different ways."""
        is_mixture = bool(self.flags) and (flag in b"xg" or b"x" in self.flags)
        if is_mixture or flag in self.flags:
            raise InvalidInput("The tarball has several extension headers for one entry.")
        if flag != b"g":
            self.flags.add(flag)

    def clear(self) -> None:
        self.values.clear()
        self.flags.clear()

    def set(self, name: str, value: bytes) -> None:
        # npm's reader makes a number of a path that is all digits, and fails.
        is_number = name != "size" and value.isdigit()
        if name in self.values or not value or b"\0" in value or is_number:
            raise InvalidInput(f"The tarball gives an entry's {name} twice, or malformed.")
        self.values[name] = value


class Tarball:
    """The entries of a tarball, in order.

    Args:
        file: read from where it stands to its end.
        limits: what it may cost.
        is_compressed: by gzip.
        is_plain: its readers know no extension headers, and do not end a name at a NUL: where
            there is either, they see other names.

    Iterating checks everything up to the very end of the file; the body of the entry that
    was given last can be read before the next one is asked for.

    Raises:
        InvalidInput: it is not a gzip-compressed tar, is cut off, has something after its
            end, passes a limit, or holds what no package needs.
    """

    def __init__(
        self,
        file: BinaryIO,
        limits: ArchiveLimits,
        *,
        is_compressed: bool = True,
        is_plain: bool = False,
    ) -> None:
        self._source = _Inflated(file, limits) if is_compressed else _Plain(file)
        self._limits = limits
        self._is_plain = is_plain
        self._headers = 0
        self._pax_records = 0
        self._body_left = 0
        self._padding = 0

    def __iter__(self) -> Iterator[Entry]:
        """Give each entry, once."""
        extensions = _Extensions()
        while (header := self._next_header()) is not None:
            if header.kind is EntryKind.EXTENSION:
                self._extend(header, extensions)
                continue
            yield header.entry(extensions)
            extensions.clear()
        if extensions.flags:
            raise _cut_off()

    def read_body(self, limit_bytes: int) -> bytes:
        """Read the current entry's body, or as much of it as the limit allows."""
        size = min(limit_bytes, self._body_left)
        self._body_left -= size
        return self._source.read(size)

    def _next_header(self) -> _Header | None:
        self._source.skip(self._body_left + self._padding)
        block = self._source.read_block()
        if block is None or block == _END_BLOCK:
            self._source.require_only_zeros()
            return None
        self._headers += 1
        if self._headers > self._limits.max_entries:
            raise InvalidInput(
                f"The tarball has more than {self._limits.max_entries} entries. "
                "Publish fewer files."
            )
        header = _Header.read(block)
        if self._is_plain and not _is_plain(header, block):
            raise InvalidInput(f"{shown(header.path)} has a header that readers take differently.")
        self._body_left = header.size_bytes
        self._padding = -header.size_bytes % _BLOCK_BYTES
        return header

    def _extend(self, header: _Header, extensions: _Extensions) -> None:
        # npm takes an extension header with a link target for no header at all.
        if self._body_left > _MAX_EXTENSION_BYTES or header.link_target:
            raise InvalidInput(
                "The tarball has an extension header that is malformed, or has more than "
                f"{_MAX_EXTENSION_BYTES} bytes."
            )
        extensions.add(header.flag)
        body = self.read_body(_MAX_EXTENSION_BYTES)
        match header.flag:
            case b"L":
                extensions.set("path", body.rstrip(b"\0"))
            case b"K":
                extensions.set("linkpath", body.rstrip(b"\0"))
            case b"x":
                for name, value in self._records(body):
                    if name:
                        extensions.set(name, value)
            case b"g":
                if any(name for name, _value in self._records(body)):
                    raise InvalidInput("The tarball gives all its entries one path or size.")

    def _records(self, body: bytes) -> Iterator[tuple[str, bytes]]:
        for record in _pax_records(body):
            self._pax_records += 1
            if self._pax_records > _MAX_PAX_RECORDS:
                raise InvalidInput("The tarball says far too much about its entries.")
            yield record


class _Header(NamedTuple):
    """One header block, checked by itself."""

    path: str
    mode: int
    size_bytes: int
    flag: bytes
    kind: EntryKind
    link_target: str

    @classmethod
    def read(cls, block: bytes) -> _Header:
        name, mode, size, checksum, flag, linkname, magic, prefix = _HEADER.unpack(block)
        # The checksum is taken with its own field full of blanks.
        if sum(block) - sum(block[_CHECKSUM_FIELD]) + 8 * 0x20 != _number(checksum, "checksum"):
            raise InvalidInput("The tarball is damaged: a header's checksum is wrong.")
        path = _text(name)
        if magic == _USTAR:
            path = f"{_text(prefix)}/{path}" if prefix[0] else path
        elif prefix.strip(b"\0"):
            raise InvalidInput("The tarball is of an old kind of tar.")
        kind = _KINDS.get(flag)
        if kind is None:
            raise InvalidInput(
                f"{shown(path)} is a device, a pipe, a sparse file or something else that a "
                "package cannot hold."
            )
        return cls(
            path=path,
            mode=_number(mode, "mode"),
            size_bytes=_number(size, "size"),
            flag=flag,
            kind=kind,
            link_target=_text(linkname),
        )

    def entry(self, extensions: _Extensions) -> Entry:
        """Join the header with what was said about it before."""
        path = self._extended(extensions, "path", self.path)
        target = self._extended(extensions, "linkpath", self.link_target)
        size = extensions.values.get("size")
        if size is not None and size != str(self.size_bytes).encode():
            raise InvalidInput(f"{shown(path)} has two sizes.")
        # An old tar marks a folder by a slash alone.
        is_folder = self.kind is EntryKind.FILE and path.endswith("/")
        kind = EntryKind.DIRECTORY if is_folder else self.kind
        if kind is EntryKind.FILE and self.mode & _SETUID_SETGID:
            raise InvalidInput(f"{shown(path)} is setuid or setgid. Pack it without.")
        is_link = kind in {EntryKind.SYMLINK, EntryKind.HARDLINK}
        # npm passes over a link whose own header lacks a target, long or not.
        has_target = bool(target and self.link_target) if is_link else bool(target)
        if has_target != is_link or (kind is not EntryKind.FILE and self.size_bytes):
            raise InvalidInput(f"{shown(path)} has a malformed header.")
        if not path or len(path) > _MAX_PATH_LENGTH:
            raise InvalidInput(
                f"The tarball has an entry without a path, or with one over {_MAX_PATH_LENGTH} "
                "characters."
            )
        return Entry(path=path, kind=kind, size_bytes=self.size_bytes, link_target=target)

    @staticmethod
    def _extended(extensions: _Extensions, name: str, plain: str) -> str:
        value = extensions.values.get(name)
        return plain if value is None else value.decode("utf-8", "surrogateescape")


def _is_plain(header: _Header, block: bytes) -> bool:
    name, *_others, prefix = _HEADER.unpack(block)
    return header.kind is not EntryKind.EXTENSION and not any(
        b"\0" in field.rstrip(b"\0") for field in (name, prefix)
    )


def shown(path: str) -> str:
    """Name an entry at the start of a sentence; a long path is shortened."""
    return f"{path[:_SHOWN_LENGTH]!r} in the tarball"


def _number(octal: bytes, what: str) -> int:
    digits = octal.strip(b" \0")
    if not digits:
        return 0
    if digits.translate(None, b"01234567"):
        raise InvalidInput(f"The tarball is damaged, or not a tar: it has a {what} that is none.")
    return int(digits, 8)


def _text(padded: bytes) -> str:
    return padded.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _pax_records(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Give the records of a pax header; without names, but where an entry is and how large."""
    at = 0
    while at < len(body):
        length = _PAX_LENGTH.match(body, at)
        end = at + int(length[1]) if length else 0
        record = body[length.end() : end] if length else b""
        key, equals, value = record.partition(b"=")
        if not equals or not value.endswith(b"\n") or end > len(body):
            raise InvalidInput("The tarball is damaged: a pax header is malformed.")
        if key.startswith(b"GNU.sparse."):
            raise InvalidInput("The tarball holds a sparse file.")
        yield (key.decode() if key in {b"path", b"linkpath", b"size"} else ""), value[:-1]
        at = end


class _Bytes(ABC):
    """The bytes of a tar, in pieces."""

    def __init__(self) -> None:
        self._buffer = b""
        self._at = 0

    def read_block(self) -> bytes | None:
        """Read one tar block; none at the end."""
        end = self._at + _BLOCK_BYTES
        if end > len(self._buffer):
            if self._at == len(self._buffer) and not self._refill():
                return None
            if self._at + _BLOCK_BYTES > len(self._buffer):
                return self.read(_BLOCK_BYTES)
            end = self._at + _BLOCK_BYTES
        block = self._buffer[self._at : end]
        self._at = end
        return block

    def read(self, size: int) -> bytes:
        """Read exactly so many bytes."""
        pieces = []
        while size > 0:
            piece = self._buffer[self._at : self._at + size]
            self._at += len(piece)
            size -= len(piece)
            pieces.append(piece)
            if size and not self._refill():
                raise _cut_off()
        return b"".join(pieces)

    def skip(self, size: int) -> None:
        """Pass over so many bytes."""
        while size > 0:
            step = min(size, len(self._buffer) - self._at)
            self._at += step
            size -= step
            if size and not self._refill():
                raise _cut_off()

    def require_only_zeros(self) -> None:
        """Read to the end of the file, where tar pads with zeros."""
        while True:
            if self._buffer[self._at :].strip(b"\0"):
                raise InvalidInput("The tarball has something after the end of its tar.")
            if not self._refill():
                return

    @abstractmethod
    def _refill(self) -> bool:
        """Put the next piece in place of the one that is used up; false at the end."""


class _Plain(_Bytes):
    """The bytes of a file."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def _refill(self) -> bool:
        self._buffer, self._at = self._file.read(_PIECE_BYTES), 0
        return bool(self._buffer)


class _Inflated(_Bytes):
    """The bytes of a gzip file, in pieces, within limits."""

    def __init__(self, file: BinaryIO, limits: ArchiveLimits) -> None:
        super().__init__()
        self._file = file
        self._limits = limits
        self._inflater = zlib.decompressobj(_GZIP)
        self._packed_bytes = 0
        self._unpacked_bytes = 0

    def _refill(self) -> bool:
        self._at = 0
        while not self._inflater.eof:
            source = self._inflater.unconsumed_tail or self._file.read(_COMPRESSED_PIECE_BYTES)
            if not self._inflater.unconsumed_tail:
                self._packed_bytes += len(source)
            self._buffer = self._inflate(source)
            if self._buffer:
                self._count(len(self._buffer))
                return True
            if not source and not self._inflater.eof:
                raise _cut_off()
        self._buffer = b""
        if self._inflater.unused_data or self._file.read(1):
            raise InvalidInput("The tarball has something after the end of its gzip.")
        return False

    def _inflate(self, source: bytes) -> bytes:
        try:
            return self._inflater.decompress(source, _PIECE_BYTES)
        except zlib.error as error:
            if self._unpacked_bytes == 0 and not source.startswith(_GZIP_MAGIC):
                raise InvalidInput("The tarball is not gzip.") from error
            raise InvalidInput("The tarball is damaged: its gzip is corrupt.") from error

    def _count(self, size: int) -> None:
        self._unpacked_bytes += size
        limits = self._limits
        is_bomb = (
            self._unpacked_bytes > limits.ratio_counts_from_bytes
            and self._unpacked_bytes > limits.max_ratio * self._packed_bytes
        )
        if is_bomb or self._unpacked_bytes > limits.max_unpacked_bytes:
            raise InvalidInput(
                "The tarball unpacks to far more than a package needs "
                f"(over {self._unpacked_bytes // 1024**2} MiB). Publish fewer or smaller files."
            )


def _cut_off() -> InvalidInput:
    return InvalidInput("The tarball is cut off. Publish it again.")
