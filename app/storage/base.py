"""The object store's interface: what every backend does in the same way.

Keys are relative and slash-separated; :mod:`app.storage.keys` says which are accepted,
and builds them from names of any length. Objects never change: a key is taken once, and
is free again only after ``delete``.

*Absent* and *unreachable* are different answers. Only a definite "no such key" is
:class:`ObjectMissing`; everything else that goes wrong is
:class:`app.errors.Unavailable` or an ``OSError``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol, Self

PIECE_BYTES = 1024 * 1024
"""How much is moved at a time: measured cheaper and faster than 64 KiB."""

LEAST_PART_BYTES = 5 * 1024 * 1024
"""Every part of a multipart upload but the last has at least this size, as on S3."""


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


class ObjectDamaged(Exception):
    """An object's bytes are not the ones that were stored; somebody has to look."""

    def __init__(self, key: str) -> None:
        super().__init__(f"object {key!r} is damaged")
        self.key = key


class UploadMissing(Exception):
    """There is no such multipart upload: it was completed, aborted or swept."""

    def __init__(self, upload: Multipart) -> None:
        super().__init__(f"no multipart upload {upload.upload_id!r} of {upload.key!r}")
        self.upload = upload


class UploadBusy(Exception):
    """Somebody else is appending to, or completing, the same unfinished object right now."""


@dataclass(frozen=True, kw_only=True)
class Digests:
    """Hexadecimal digests of one artifact, computed in one pass; empty where not asked for."""

    sha256: str
    sha1: str = ""
    sha512: str = ""
    md5: str = ""
    blake2b_256: str = ""


@dataclass(frozen=True, kw_only=True)
class ObjectStat:
    """What a store knows of an object without reading it.

    Attributes:
        modified_at: when it was revealed, in UTC.
    """

    key: str
    size_bytes: int
    modified_at: datetime


class Staged(Protocol):
    """Bytes that arrived whole and that nobody can see yet.

    They can be read any number of times until they are revealed or discarded. Used as
    a context manager, what was not revealed is discarded at the end.

    Attributes:
        path: the local file that holds them, whatever the backend.
    """

    path: Path
    size_bytes: int
    digests: Digests

    def open(self) -> BinaryIO:
        """Open the staged bytes for reading; seekable."""

    def sync(self) -> None:
        """Have the bytes on this node's disk when it returns.

        Raises:
            Unavailable: the disk is full.
        """

    def discard(self) -> None:
        """Forget the bytes; harmless when they were revealed or discarded before."""

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Discard what was not revealed."""
        self.discard()


class Stage(Protocol):
    """Bytes on their way in. Hashed while they are written, in constant memory."""

    def write(self, piece: bytes) -> None:
        """Append.

        Raises:
            TooLarge: the limit given to ``ObjectStore.stage`` is passed.
            Unavailable: the disk is full.
        """

    def finish(self) -> Staged:
        """Close for writing; what was written can be read and revealed.

        Raises:
            Unavailable: the disk is full.
        """

    def discard(self) -> None:
        """Give up; nothing remains. Harmless when finished or discarded before."""

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Discard, unless finished."""
        self.discard()


class ObjectReader(Protocol):
    """One object's bytes, or a range of them, as pieces of at most ``PIECE_BYTES``.

    An iterator that closes itself at its end; ``close`` may be called early and twice.

    Attributes:
        size_bytes: of the whole object.
        start, length: the range that iterating gives.
        sha256: of the whole object where the store recorded it; else empty.
        file: a real file that holds the object, positioned at ``start``, for a server
            that can send files by itself; none where the bytes come over a network. It
            may hold more than the object: nothing past ``start + length`` belongs to it.
            It is the reader's, and is closed with it.
    """

    size_bytes: int
    start: int
    length: int
    sha256: str
    file: BinaryIO | None

    def __iter__(self) -> Self:
        """Return itself."""
        return self

    def __next__(self) -> bytes:
        """Give the next piece.

        Raises:
            ObjectDamaged: the object ends early, or is checked and fails; of a checked
                object the last piece is not given.
            Unavailable: the store went away meanwhile.
        """

    def close(self) -> None:
        """Let go of the file or connection."""

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close."""
        self.close()


@dataclass(frozen=True, kw_only=True)
class Multipart:
    """An upload in parts that outlives a process: an opaque id and the key that it will have."""

    upload_id: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a multipart upload, as ``put_part`` gave it; ``etag`` is opaque."""

    number: int  # from 1
    size_bytes: int
    etag: str


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """An object that arrives in several requests: what its receiver keeps in between.

    Made by the receiver with its first three fields, and given a successor by
    :meth:`ObjectStore.extend`. It is as durable as where it is kept; what it does not know
    of has not arrived.

    Attributes:
        id: nothing else in the store has it; letters and digits.
        key: the object's, where the store has to know it before the bytes are complete.
        next_number: gives a number from 1 on that it never gave before, to anybody. Parts
            of a request that was cut off are thereby never taken for another's.
        size_bytes: what has arrived.
        upload_id, parts: of the multipart upload that holds it, if one was needed yet.
        tail: bytes that are too few for a part.
    """

    id: str
    key: str
    next_number: Callable[[], int]
    size_bytes: int = 0
    upload_id: str = ""
    parts: tuple[Part, ...] = ()
    tail: bytes = b""


class Extension(Protocol):
    """Bytes on their way to the end of an unfinished object.

    A context manager; what was not finished by its end is discarded. On a filesystem nobody
    else can extend or complete the object until then, so what ``finish`` returned is to be
    recorded within. In a bucket several may be at it, and whoever records it first wins.
    """

    def write(self, piece: bytes) -> None:
        """Append.

        Raises:
            UploadMissing: the multipart upload is over.
            Unavailable: the disk is full.
        """

    def finish(self, *, is_last: bool = False) -> Unfinished:
        """Make what was written durable, and return what there is now.

        Args:
            is_last: ``complete`` comes next, which makes it durable.
        """

    def complete(self, key: str) -> str:
        """Make what ``finish`` returned an object, durably and in one step; returns its key.

        Nobody may extend it from then on.

        Args:
            key: free, and used for nothing else; where parts are in the store already, the
                object has ``Unfinished.key`` instead.

        Raises:
            ObjectExists, UploadMissing: as their names say.
        """

    def discard(self) -> None:
        """Leave the object as it was; harmless when finished or discarded before."""

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Discard, unless finished."""
        self.discard()


class ObjectStore(Protocol):
    """Where artifacts live. Every method may raise ``Unavailable``."""

    def stage(
        self,
        *,
        limit_bytes: int,
        what: str = "The file",
        algorithms: frozenset[str] = frozenset(),
    ) -> Stage:
        """Begin to take in one artifact.

        Args:
            limit_bytes: more than this raises ``TooLarge`` while writing.
            what: names the artifact in that error.
            algorithms: of ``sha1 sha512 md5 blake2b_256``, computed beside SHA-256.
        """

    def reveal(self, staged: Staged, key: str) -> None:
        """Make staged bytes an object, durably and in one step; consumes ``staged``.

        Where it raises, ``staged`` is as it was, and may be revealed again: under the
        same key too, since after ``Unavailable`` nobody knows whether it is there.

        Raises:
            ObjectExists: the key is taken; the object there is unchanged.
        """

    def reveal_all(self, objects: Sequence[tuple[Staged, str]]) -> None:
        """Reveal several, in their order: where it raises, the first ones may be objects.

        Raises:
            ObjectExists: a key is taken; the object there is unchanged.
        """
        for staged, key in objects:
            self.reveal(staged, key)

    def open(
        self, key: str, start: int = 0, length: int | None = None, *, sha256: str = ""
    ) -> ObjectReader:
        """Open an object, or up to ``length`` bytes of it from ``start``.

        Args:
            sha256: of the whole object, where the caller knows it. A cached copy that
                has another is thrown away; what fills a cache is checked against it.

        Raises:
            ObjectMissing: there is none.
            RangeNotSatisfiable: ``start`` lies past the end.
        """

    def stat(self, key: str) -> ObjectStat:
        """Look an object up.

        Raises:
            ObjectMissing: there is none.
        """

    def delete(self, key: str) -> None:
        """Remove an object; an absent one is fine."""

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectStat]:
        """Give the objects whose keys start with ``prefix``, in the store's own fixed order.

        Args:
            after: a key; only what comes past it in that order is given. S3 orders keys
                by their bytes; the filesystem and SeaweedFS order them segment by segment.
        """

    def presign(self, key: str, *, seconds: int, filename: str | None = None) -> str | None:
        """Give a URL that reads the object without credentials; none where there is no such thing.

        Args:
            filename: what a browser is told to save it as.
        """

    def begin_multipart(self, key: str) -> Multipart:
        """Begin an object that is written in parts, perhaps by several processes."""

    def put_part(self, upload: Multipart, number: int, piece: bytes) -> Part:
        """Write one part; writing a number again replaces it.

        Args:
            number: 1 to 10,000.
            piece: at least ``LEAST_PART_BYTES``, unless it will be the last.

        Raises:
            UploadMissing: the upload is over.
        """

    def complete_multipart(self, upload: Multipart, parts: Sequence[Part]) -> None:
        """Make the parts, in the order given, one object.

        Raises:
            ObjectExists: the key is taken; the object there and the parts are unchanged.
            UploadMissing: the upload is over.
            ValueError: no parts; or one was never written, is too small, or comes out of
                order. A part that was replaced is refused too, but not by SeaweedFS (4.48).
        """

    def abort_multipart(self, upload: Multipart) -> None:
        """Forget the parts; harmless when the upload is over."""

    def extend(self, unfinished: Unfinished) -> Extension:
        """Begin to append to an unfinished object.

        Raises:
            UploadBusy: somebody else is.
            UploadMissing: what had arrived is gone.
        """

    def forget(self, unfinished: Unfinished) -> None:
        """Remove what has arrived; harmless when it is complete or gone."""

    def check(self) -> None:
        """Do the least that shows the store works; for health checks.

        Raises:
            Unavailable: it does not.
        """

    def sweep_staging(self, *, older_than_seconds: float) -> int:
        """Remove what staging a crashed process left on this node; returns how many.

        Args:
            older_than_seconds: since the file was written or read for an upload; more than one
                request to the store may take.
        """

    def sweep_multipart(self, *, older_than_seconds: float) -> int:
        """Abort the multipart uploads that were begun that long ago; returns how many.

        Also removes the unfinished objects that were last extended that long ago.
        """
