"""Unfinished objects as files that grow at their end, until they are moved to their key.

Whoever writes to a file or moves it holds a lock on it, which ends with the process. So
there is one writer at a time, and nobody who could still write once it is an object.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from app.offload import Beside, beside_hub, off_hub
from app.storage.base import Extension, Multipart, Unfinished, UploadBusy, UploadMissing
from app.storage.files import full_disk_is_unavailable
from app.storage.staging import StagingArea

_WORTH_SYNCING_BYTES = 4 * 1024 * 1024
"""The disk writes while more arrives, so that little is left to wait for at the end."""


class LocalUnfinished:
    """A directory with a file for each unfinished object, named by its id."""

    def __init__(self, staging: StagingArea) -> None:
        self._directory = staging.directory / "unfinished"

    def extend(self, unfinished: Unfinished, move: Callable[[Path, str], None]) -> LocalExtension:
        """Begin to append; see ``ObjectStore.extend``.

        Args:
            move: gives the file its key, once it is complete.
        """
        self._directory.mkdir(mode=0o700, exist_ok=True)
        path = self._path(unfinished)
        file = _open_locked(path, unfinished, creating=unfinished.size_bytes == 0)
        return LocalExtension(path, file, unfinished, move)

    def forget(self, unfinished: Unfinished) -> None:
        """Remove an unfinished object; harmless when it is gone."""
        self._path(unfinished).unlink(missing_ok=True)

    def sweep(self, *, older_than_seconds: float) -> int:
        """Remove the files that were last written that long ago; returns how many."""
        before = time.time() - older_than_seconds
        count = 0
        for path in self._directory.glob("*"):
            with suppress(FileNotFoundError):  # It was completed, or another process sweeps too.
                if path.stat().st_mtime < before:
                    path.unlink()
                    count += 1
        return count

    def _path(self, unfinished: Unfinished) -> Path:
        return self._directory / Path(unfinished.id).name


class LocalExtension(Extension):
    """Writes to the end of a file that it holds the lock of; see ``Extension``."""

    def __init__(
        self,
        path: Path,
        file: BinaryIO,
        unfinished: Unfinished,
        move: Callable[[Path, str], None],
    ) -> None:
        self._path = path
        self._file = file
        self._unfinished = unfinished
        self._move = move
        self._size_bytes = unfinished.size_bytes
        self._is_finished = False
        self._unsynced_bytes = 0
        self._syncing: Beside[None] | None = None

    def write(self, piece: bytes) -> None:
        """Append."""
        view = memoryview(piece)
        with full_disk_is_unavailable():
            while view:
                view = view[self._file.write(view) :]
        self._size_bytes += len(piece)
        self._unsynced_bytes += len(piece)
        is_idle = self._syncing is None or self._syncing.is_done
        if is_idle and self._unsynced_bytes >= _WORTH_SYNCING_BYTES:
            self._wait_until_synced()
            self._syncing = beside_hub(os.fdatasync, self._file.fileno())
            self._unsynced_bytes = 0

    def finish(self, *, is_last: bool = False) -> Unfinished:
        """Have it on the disk when this returns, unless moving it will see to that."""
        self._wait_until_synced()
        if not is_last and self._size_bytes != self._unfinished.size_bytes:
            with full_disk_is_unavailable():
                off_hub(os.fsync, self._file.fileno())
        self._is_finished = True
        return replace(self._unfinished, size_bytes=self._size_bytes)

    def complete(self, key: str) -> str:
        """Move the file to its key."""
        self._move(self._path, key)
        return key

    def discard(self) -> None:
        """Cut off what was not finished, or remove a file that holds nothing else."""
        if self._file.closed:
            return
        with self._file:
            self._wait_until_synced()
            if self._is_finished:
                return
            if self._unfinished.size_bytes:
                self._file.truncate(self._unfinished.size_bytes)
            else:
                self._path.unlink(missing_ok=True)

    def _wait_until_synced(self) -> None:
        syncing, self._syncing = self._syncing, None
        if syncing is not None:
            with full_disk_is_unavailable():
                syncing.wait()


def _open_locked(path: Path, unfinished: Unfinished, *, creating: bool) -> BinaryIO:
    """Open the file at its end, without what a request that was cut off left there."""
    with full_disk_is_unavailable():
        try:
            if creating:
                path.touch(0o600)
            file = path.open("r+b", buffering=0)
        except FileNotFoundError as error:
            raise _missing(unfinished) from error
    try:
        _take(file, unfinished)
    except BaseException:
        file.close()
        raise
    return file


def _take(file: BinaryIO, unfinished: Unfinished) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UploadBusy from error
    found = os.fstat(file.fileno())
    # Without its name it was completed or forgotten since it was opened.
    if not found.st_nlink or found.st_size < unfinished.size_bytes:
        raise _missing(unfinished)
    file.truncate(unfinished.size_bytes)
    file.seek(unfinished.size_bytes)


def _missing(unfinished: Unfinished) -> UploadMissing:
    return UploadMissing(Multipart(upload_id=unfinished.id, key=unfinished.key))
