"""A remote store with a cache on the local disk in front of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from app.storage.base import (
    Extension,
    Multipart,
    ObjectDamaged,
    ObjectReader,
    ObjectStat,
    ObjectStore,
    Part,
    Stage,
    Staged,
    Unfinished,
)
from app.storage.disk_cache import DiskCache, Filling
from app.storage.files import FileReader

FILLED_FOR_A_RANGE_BYTES = 16 * 1024 * 1024
"""A range of an object up to this size brings the whole of it in; larger ones do not."""


class CachedStore(ObjectStore):
    """Reads from the local disk what was read or revealed here before; see ``ObjectStore``.

    Objects never change, so a copy is never stale, except where a key was freed and taken
    anew: a caller who gives ``sha256`` when opening is safe from that too. Everything but
    opening is the remote store's; with that one down, copies are still served.
    """

    def __init__(self, remote: ObjectStore, cache: DiskCache) -> None:
        self._remote = remote
        self._cache = cache

    def stage(
        self,
        *,
        limit_bytes: int,
        what: str = "The file",
        algorithms: frozenset[str] = frozenset(),
    ) -> Stage:
        """Begin to take in one artifact."""
        return self._remote.stage(limit_bytes=limit_bytes, what=what, algorithms=algorithms)

    def reveal(self, staged: Staged, key: str) -> None:
        """Make staged bytes an object, and their local file its copy."""
        filling = self._cache.fill(key, staged.size_bytes, source=staged.path)
        try:
            self._remote.reveal(staged, key)
        except BaseException:
            if filling:
                filling.discard()
            raise
        if filling:
            filling.commit(staged.digests.sha256)

    def open(
        self, key: str, start: int = 0, length: int | None = None, *, sha256: str = ""
    ) -> ObjectReader:
        """Open an object or a range of it, from the local disk where there is a copy.

        A whole object becomes a copy while it is read; a small one also by a range of it.
        """
        found = self._open_copy(key, start, length, sha256)
        if found is not None:
            return found
        reader = self._remote.open(key, start, length)
        is_whole = reader.length == reader.size_bytes
        if not is_whole and reader.size_bytes > FILLED_FOR_A_RANGE_BYTES:
            return reader
        filling = self._cache.fill(key, reader.size_bytes)
        if filling is None:
            return reader
        if is_whole:
            return FillingReader(key, reader, filling, sha256)
        with reader:
            self._bring_in(key, filling, sha256)
        return self._open_copy(key, start, length, sha256) or self._remote.open(key, start, length)

    def _open_copy(
        self, key: str, start: int, length: int | None, sha256: str
    ) -> FileReader | None:
        copy = self._cache.open(key, sha256)
        if copy is None:
            return None
        return FileReader(key, copy.file, copy.size_bytes, start, length, sha256=copy.sha256)

    def _bring_in(self, key: str, filling: Filling, sha256: str) -> None:
        try:
            whole = FillingReader(key, self._remote.open(key), filling, sha256)
        except BaseException:
            filling.discard()
            raise
        with whole:
            for _ in whole:
                pass

    def stat(self, key: str) -> ObjectStat:
        """Look an object up."""
        return self._remote.stat(key)

    def delete(self, key: str) -> None:
        """Remove an object and this node's copy; other nodes' copies go when they are old."""
        self._remote.delete(key)
        self._cache.drop(key)

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectStat]:
        """Give the objects whose keys start with ``prefix``."""
        return self._remote.list(prefix, after)

    def presign(self, key: str, *, seconds: int, filename: str | None = None) -> str | None:
        """Give the remote store's URL."""
        return self._remote.presign(key, seconds=seconds, filename=filename)

    def begin_multipart(self, key: str) -> Multipart:
        """Begin an object that is written in parts."""
        return self._remote.begin_multipart(key)

    def put_part(self, upload: Multipart, number: int, piece: bytes) -> Part:
        """Write one part."""
        return self._remote.put_part(upload, number, piece)

    def complete_multipart(self, upload: Multipart, parts: Sequence[Part]) -> None:
        """Make the parts one object."""
        self._remote.complete_multipart(upload, parts)

    def abort_multipart(self, upload: Multipart) -> None:
        """Forget the parts."""
        self._remote.abort_multipart(upload)

    def extend(self, unfinished: Unfinished) -> Extension:
        """Begin to append to an unfinished object."""
        return self._remote.extend(unfinished)

    def forget(self, unfinished: Unfinished) -> None:
        """Remove what has arrived."""
        self._remote.forget(unfinished)

    def check(self) -> None:
        """Check the remote store."""
        self._remote.check()

    def sweep_staging(self, *, older_than_seconds: float) -> int:
        """Remove what staging a crashed process left."""
        return self._remote.sweep_staging(older_than_seconds=older_than_seconds)

    def sweep_multipart(self, *, older_than_seconds: float) -> int:
        """Abort the multipart uploads that were begun that long ago."""
        return self._remote.sweep_multipart(older_than_seconds=older_than_seconds)


class FillingReader(ObjectReader):
    """Reads a whole remote object and copies it on the way; see ``ObjectReader``.

    The last piece is only given when the digest is right.

    Args:
        sha256: what it has to be; if empty, what the remote store recorded.
    """

    file: BinaryIO | None = None

    def __init__(self, key: str, reader: ObjectReader, filling: Filling, sha256: str) -> None:
        self.size_bytes = reader.size_bytes
        self.start = 0
        self.length = reader.length
        self.sha256 = sha256 or reader.sha256
        self._key = key
        self._reader = reader
        self._filling = filling
        self._hash = hashlib.sha256()
        self._left = reader.length

    def __next__(self) -> bytes:
        """Give the next piece."""
        try:
            piece = next(self._reader)
        except StopIteration:
            self.close()
            raise
        self._hash.update(piece)
        self._filling.write(piece)
        self._left -= len(piece)
        if not self._left and self.sha256 not in {"", self._hash.hexdigest()}:
            self._filling.discard()
            self.close()
            raise ObjectDamaged(self._key)
        return piece

    def close(self) -> None:
        """Keep the copy if it is complete; twice is fine."""
        self._reader.close()
        if self._left:
            self._filling.discard()
        else:
            self._filling.commit(self._hash.hexdigest())
