"""The object store's interface: what every backend does in the same way.

Keys are relative, slash-separated, and never come from a request unchecked: a key
with an empty, ``.`` or ``..`` segment, a NUL or a backslash is refused by every backend.

*Absent* and *unreachable* are different answers. Only a definite "no such key" is
:class:`ObjectMissing`; everything else that goes wrong is
:class:`app.errors.Unavailable` or an ``OSError``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Protocol, Self

PIECE_BYTES = 1024 * 1024
"""How much is moved at a time: measured cheaper and faster than 64 KiB."""


class ObjectMissing(Exception):
    """There is no object under this key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"no object {key!r}")
        self.key = key


class ObjectExists(Exception):
    """There already is an object under this key; nothing was changed."""

    def __init__(self, key: str) -> None:
        super().__init__(f"object {key!r} exists")
        self.key = key


@dataclass(frozen=True, kw_only=True)
class Digests:
    """Hexadecimal digests of one artifact, computed in one pass."""

    sha256: str
    sha1: str = ""
    sha512: str = ""
    md5: str = ""


@dataclass(frozen=True, kw_only=True)
class ObjectStat:
    """What a store knows of an object without reading it."""

    key: str
    size_bytes: int
    modified_at: datetime


class Staged(Protocol):
    """Bytes that arrived whole and that nobody can see yet.

    They can be read any number of times until they are revealed or discarded. Used as
    a context manager, what was not revealed is discarded at the end.
    """

    size_bytes: int
    digests: Digests

    def open(self) -> BinaryIO:
        """Open the staged bytes for reading; seekable."""

    def discard(self) -> None:
        """Forget the bytes; harmless when they were revealed or discarded before."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc_info: object) -> None: ...


class Stage(Protocol):
    """Bytes on their way in. Hashed while they are written, in constant memory."""

    def write(self, piece: bytes | memoryview) -> None:
        """Append.

        Raises:
            TooLarge: the limit given to ``ObjectStore.stage`` is passed.
        """

    def finish(self) -> Staged:
        """Close for writing; what was written is on disk or in the store."""

    def discard(self) -> None:
        """Give up; nothing remains."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc_info: object) -> None:
        """Discard, unless finished."""


class ObjectReader(Protocol):
    """One object's bytes, or a range of them, as pieces of at most ``PIECE_BYTES``.

    Iterating closes it at the end; ``close`` may be called early and twice.

    Attributes:
        size_bytes: of the whole object.
        start, length: the range that iterating gives.
    """

    size_bytes: int
    start: int
    length: int

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Multipart:
    """An upload in parts that outlives a process: an id and the key that it will have."""

    upload_id: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a multipart upload."""

    number: int  # from 1
    size_bytes: int
    etag: str = field(default="")


class ObjectStore(Protocol):
    """Where artifacts live."""

    def stage(self, *, limit_bytes: int, what: str = "The file", algorithms: frozenset[str] = ...) -> Stage:
        """Begin to take in one artifact.

        Args:
            limit_bytes: more than this raises ``TooLarge`` while writing.
            what: names the artifact in that error.
            algorithms: of ``sha1 sha512 md5``, computed beside SHA-256.
        """

    def reveal(self, staged: Staged, key: str) -> None:
        """Make staged bytes an object, durably and in one step; consumes ``staged``.

        Raises:
            ObjectExists: the key is taken; the object there is unchanged.
        """

    def open(self, key: str, start: int = 0, length: int | None = None) -> ObjectReader:
        """Open an object, or ``length`` bytes of it from ``start``.

        Raises:
            ObjectMissing: there is none.
        """

    def stat(self, key: str) -> ObjectStat:
        """Look an object up.

        Raises:
            ObjectMissing: there is none.
        """

    def delete(self, key: str) -> None:
        """Remove an object; an absent one is fine."""

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectStat]:
        """Give the objects whose keys start with ``prefix``, in key order, from past ``after``."""

    def presign(self, key: str, *, seconds: int, filename: str | None = None) -> str | None:
        """Give a URL that reads the object without credentials; none where there is no such thing."""

    def begin_multipart(self, key: str) -> Multipart:
        """Begin an object that is written in parts, perhaps by several processes."""

    def put_part(self, upload: Multipart, number: int, piece: bytes) -> Part:
        """Write one part; writing a number again replaces it. All but the last have one size of at least 5 MiB."""

    def complete_multipart(self, upload: Multipart, parts: list[Part]) -> None:
        """Make the parts, in the order given, one object.

        Raises:
            ObjectExists: the key is taken; the object there is unchanged.
        """

    def abort_multipart(self, upload: Multipart) -> None:
        """Forget the parts; harmless when the upload is over."""

    def check(self) -> None:
        """Do the least that shows the store works; for health checks.

        Raises:
            Unavailable: it does not.
        """

    def sweep_staging(self, *, older_than_seconds: float) -> int:
        """Remove what staging a crashed process left; returns how many."""
