"""Copies of remote objects on the local disk, within a bound, for all processes of a node.

Every copy ends with a trailer, written last: its size and its SHA-256. A file without a
right one is no copy, however it came about, and is removed.

Whatever changes the directory does so under one file lock, off the hub. Reading takes no
lock: an open file outlives its name. A disk that fails costs speed, never an answer.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import structlog

from app.offload import off_hub

log = structlog.get_logger(__name__)

_TRAILER = struct.Struct(">8sQ32s")
_MAGIC = b"phcache1"
_USAGE = struct.Struct(">Q")

_LARGEST_SHARE = 4
"""An object may take this part of the whole cache; larger ones are not kept."""
_KEPT_SHARE = 0.9
"""Evicting to below the bound makes looking at every file rare."""
_TOUCH_SECONDS = 60
"""How exactly "least recently used" is known; each touch costs a write."""
_FILLING = ".filling"


@dataclass(frozen=True, kw_only=True)
class Copy:
    """An object's copy, open for reading; the file is longer than the object."""

    file: BinaryIO
    size_bytes: int
    sha256: str


class DiskCache:
    """A directory of copies, the least recently used of which make room for new ones.

    Attributes:
        largest_bytes: larger objects are not kept.
    """

    def __init__(self, directory: Path, *, limit_bytes: int) -> None:
        self.largest_bytes = limit_bytes // _LARGEST_SHARE - _TRAILER.size
        self._directory = directory
        self._limit_bytes = limit_bytes
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def open(self, key: str, sha256: str = "") -> Copy | None:
        """Open the copy of an object; none where there is no right one.

        Args:
            sha256: if given, a copy with another digest is removed: it is damaged, or of an
                object that had the key before.
        """
        try:
            file = self._path(key).open("rb", buffering=0)
        except FileNotFoundError:
            return None
        except OSError as error:
            _disk_failed(error)
            return None
        found = os.fstat(file.fileno())
        copy = _read_trailer(file, found.st_size)
        if copy is None or (sha256 and copy.sha256 != sha256):
            file.close()
            self.drop(key)
            return None
        if time.time() - found.st_mtime > _TOUCH_SECONDS:
            os.utime(file.fileno())
        return copy

    def fill(self, key: str, size_bytes: int, *, source: Path | None = None) -> Filling | None:
        """Begin a copy; none where there is no room, or somebody is filling it already.

        Args:
            source: a complete local file to take as it is, rather than pieces that are yet
                to come. The two are one file from then on, and ``commit`` changes it: nobody
                may need ``source`` by then.
        """
        if size_bytes > self.largest_bytes:
            return None
        try:
            return off_hub(self._begin, self._path(key), size_bytes, source)
        except OSError as error:
            _disk_failed(error)
            return None

    def drop(self, key: str) -> None:
        """Forget an object, also one that is being filled."""
        try:
            off_hub(self._drop, self._path(key))
        except OSError as error:
            _disk_failed(error)

    def _path(self, key: str) -> Path:
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self._directory / digest[:2] / digest

    def _begin(self, path: Path, size_bytes: int, source: Path | None) -> Filling | None:
        arriving = path.with_name(path.name + _FILLING)
        with _locked(self._directory) as lock:
            path.parent.mkdir(exist_ok=True)
            if _is_being_filled(arriving) or not self._make_room(lock, size_bytes):
                return None
            return Filling(self._directory, path, arriving, size_bytes, source)

    def _drop(self, path: Path) -> None:
        with _locked(self._directory):
            path.unlink(missing_ok=True)
            path.with_name(path.name + _FILLING).unlink(missing_ok=True)

    def _make_room(self, lock: int, size_bytes: int) -> bool:
        """Count a new copy in, evicting others if it has to be; whether there is room.

        What the lock file says is used is never too little: removals are only subtracted
        when all files are looked at.
        """
        needed = size_bytes + _TRAILER.size
        recorded = os.pread(lock, _USAGE.size, 0)
        used = _USAGE.unpack(recorded)[0] if len(recorded) == _USAGE.size else self._limit_bytes
        if used + needed > self._limit_bytes:
            used = self._evict(int(self._limit_bytes * _KEPT_SHARE) - needed)
        has_room = used + needed <= self._limit_bytes
        os.pwrite(lock, _USAGE.pack(used + needed if has_room else used), 0)
        return has_room

    def _evict(self, target_bytes: int) -> int:
        """Remove what was used longest ago until so many bytes are left; returns how many are."""
        used = 0
        copies = []
        for entry in _files(self._directory):
            found = entry.stat()
            if not entry.name.endswith(_FILLING):
                copies.append((found.st_mtime, found.st_size, entry.path))
                used += found.st_size
            elif _is_being_filled(Path(entry.path)):
                used += found.st_size + _TRAILER.size
        for _, size_bytes, path in sorted(copies):
            if used <= target_bytes:
                break
            Path(path).unlink(missing_ok=True)
            used -= size_bytes
        return used


class Filling:
    """A copy that is being made: a locked file, so that others know that its maker lives.

    Errors of the disk end it quietly.
    """

    def __init__(
        self, directory: Path, path: Path, arriving: Path, size_bytes: int, source: Path | None
    ) -> None:
        self._directory = directory
        self._path = path
        self._arriving = arriving
        self._size_bytes = size_bytes
        if source is not None:
            os.link(source, arriving)
        self._file = arriving.open("xb" if source is None else "r+b", buffering=0)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if source is None:
            self._file.truncate(size_bytes)  # So that others see how much is spoken for.

    def write(self, piece: bytes) -> None:
        """Append."""
        if self._file.closed:
            return
        try:
            written = self._file.write(piece)
        except OSError as error:
            _disk_failed(error)
            written = 0
        if written != len(piece):
            self.discard()

    def commit(self, sha256: str) -> None:
        """Let the copy be found, once all of it is there; unless it was dropped meanwhile."""
        if self._file.closed:
            return
        try:
            off_hub(self._commit, _TRAILER.pack(_MAGIC, self._size_bytes, bytes.fromhex(sha256)))
        except OSError as error:
            _disk_failed(error)
            self.discard()

    def discard(self) -> None:
        """Give up; harmless when over."""
        if self._file.closed:
            return
        try:
            off_hub(self._discard)
        except OSError as error:
            _disk_failed(error)

    def _commit(self, trailer: bytes) -> None:
        self._file.seek(self._size_bytes)
        self._file.write(trailer)
        # Without this, a power cut could leave the trailer there and a hole before it.
        os.fsync(self._file.fileno())
        with _locked(self._directory):
            if self._is_in_place():
                self._arriving.replace(self._path)
        self._file.close()

    def _discard(self) -> None:
        with self._file, _locked(self._directory):
            if self._is_in_place():
                self._arriving.unlink()

    def _is_in_place(self) -> bool:
        """Whether the name is still this file's: a drop may have given it to another."""
        try:
            return os.path.samestat(self._arriving.stat(), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            return False


@contextmanager
def _locked(directory: Path) -> Iterator[int]:
    """Hold the lock of a cache, which ends with the process at the latest; gives its file."""
    descriptor = os.open(directory / "usage", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _read_trailer(file: BinaryIO, file_bytes: int) -> Copy | None:
    size_bytes = file_bytes - _TRAILER.size
    if size_bytes < 0:
        return None
    trailer = os.pread(file.fileno(), _TRAILER.size, size_bytes)
    magic, recorded_bytes, digest = _TRAILER.unpack(trailer)
    if magic != _MAGIC or recorded_bytes != size_bytes:
        return None
    return Copy(file=file, size_bytes=size_bytes, sha256=digest.hex())


def _is_being_filled(arriving: Path) -> bool:
    """Whether somebody is at it; what a dead process left is removed. Needs the lock."""
    try:
        with arriving.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            arriving.unlink(missing_ok=True)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


def _files(directory: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(directory) as folders:
        for folder in folders:
            if folder.is_dir():
                with os.scandir(folder) as files:
                    yield from files


def _disk_failed(error: OSError) -> None:
    log.warning("disk_cache.failed", error=str(error))
