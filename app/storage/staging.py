"""Where artifacts wait, on the local disk, until they are whole and checked."""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from app.errors import TooLarge
from app.offload import Beside, beside_hub
from app.storage.base import Digests, Stage, Staged
from app.storage.files import full_disk_is_unavailable, sync_file
from app.storage.hashing import BLAKE2B_256, PassingHashes

_ALGORITHMS = frozenset({"sha1", "sha512", "md5", BLAKE2B_256})


class StagingArea:
    """A directory of files that only their writer knows.

    On the filesystem that its artifacts end up in, so that they can be moved there.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def stage(
        self,
        *,
        limit_bytes: int,
        what: str = "The file",
        algorithms: frozenset[str] = frozenset(),
        becomes_object: bool = False,
    ) -> LocalStage:
        """Begin to take in one artifact; see ``ObjectStore.stage``.

        Args:
            becomes_object: the file itself, which is then synced as soon as it is whole.
        """
        if unknown := algorithms - _ALGORITHMS:
            raise ValueError(f"unknown digests: {', '.join(sorted(unknown))}")
        return LocalStage(
            self.new_path(),
            limit_bytes=limit_bytes,
            what=what,
            algorithms=algorithms,
            becomes_object=becomes_object,
        )

    def new_path(self) -> Path:
        """Return a name that nothing else has."""
        return self.directory / uuid.uuid4().hex

    def sweep(self, *, older_than_seconds: float) -> int:
        """Remove the files that were last written that long ago; returns how many."""
        before = time.time() - older_than_seconds
        count = 0
        for path in self.directory.iterdir():
            try:
                if path.is_file() and path.stat().st_mtime < before:
                    path.unlink()
                    count += 1
            except FileNotFoundError:
                continue  # It was revealed, or another process sweeps too.
        return count


class LocalStage(Stage):
    """A file that is being written, and hashed on the way; see ``Stage``."""

    def __init__(
        self,
        path: Path,
        *,
        limit_bytes: int,
        what: str,
        algorithms: frozenset[str],
        becomes_object: bool,
    ) -> None:
        self.size_bytes = 0
        self._becomes_object = becomes_object
        self._is_over = False
        self._path = path
        self._limit_bytes = limit_bytes
        self._what = what
        self._hashes = PassingHashes(("sha256", *algorithms))
        with full_disk_is_unavailable():
            self._file = path.open("xb")

    def write(self, piece: bytes) -> None:
        """Append.

        Raises:
            TooLarge: the limit is passed.
            Unavailable: the disk is full.
        """
        size_bytes = self.size_bytes + len(piece)
        if size_bytes > self._limit_bytes:
            raise TooLarge(self._what, self._limit_bytes)
        self._hashes.update(piece)
        with full_disk_is_unavailable():
            self._file.write(piece)
        self.size_bytes = size_bytes

    def finish(self) -> LocalStaged:
        """Close for writing.

        Raises:
            Unavailable: the disk is full.
        """
        with full_disk_is_unavailable():
            self._file.close()
        self._is_over = True
        syncing = beside_hub(sync_file, self._path) if self._becomes_object else None
        digests = Digests(**self._hashes.hexdigests())
        return LocalStaged(self._path, self.size_bytes, digests, syncing)

    def discard(self) -> None:
        """Give up; harmless when finished or discarded before."""
        if self._is_over:
            return
        self._is_over = True
        self._path.unlink(missing_ok=True)
        with suppress(OSError):  # What could not be written is not wanted either.
            self._file.close()


class LocalStaged(Staged):
    """A whole file that nobody else knows; see ``Staged``."""

    def __init__(
        self, path: Path, size_bytes: int, digests: Digests, syncing: Beside[None] | None
    ) -> None:
        self.path = path
        self.size_bytes = size_bytes
        self.digests = digests
        self._syncing = syncing

    def open(self) -> BinaryIO:
        """Open the bytes for reading; seekable."""
        return self.path.open("rb")

    def sync(self) -> None:
        """Have the bytes on the disk, which may be under way; another try begins anew.

        Raises:
            Unavailable: the disk is full.
        """
        syncing, self._syncing = self._syncing or beside_hub(sync_file, self.path), None
        with full_disk_is_unavailable():
            syncing.wait()

    def discard(self) -> None:
        """Forget the bytes; harmless when they were revealed or discarded before."""
        self.path.unlink(missing_ok=True)
