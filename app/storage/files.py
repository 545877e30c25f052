"""Local files that hold objects: how they are made durable, and how they are read."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from app.errors import RangeNotSatisfiable, Unavailable
from app.storage.base import PIECE_BYTES, ObjectDamaged, ObjectReader

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_OWNER_AND_GROUP = 0o640
_PRUNED_MEANWHILE_TRIES = 100


@contextmanager
def full_disk_is_unavailable() -> Iterator[None]:
    """Tell a full disk apart from an error of ours.

    Raises:
        Unavailable: the disk, the quota or the process's file size limit is used up.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise Unavailable(
                "The registry has no room for this file. Tell its administrator.",
                retry_after_seconds=300,
            ) from error
        raise


def span_length(size_bytes: int, start: int, length: int | None) -> int:
    """Return how much of an object the range really holds.

    Raises:
        RangeNotSatisfiable: it starts past the end.
        ValueError: it is negative.
    """
    if start < 0 or (length is not None and length < 0):
        raise ValueError(f"a negative range: start {start}, length {length}")
    if start > size_bytes:
        raise RangeNotSatisfiable(size_bytes)
    left = size_bytes - start
    return left if length is None else min(left, length)


class FileReader(ObjectReader):
    """Reads an object, or a range of it, from an open file; see ``ObjectReader``.

    Takes ``file`` over, whose first ``size_bytes`` are the object.

    Raises:
        RangeNotSatisfiable: the range starts past the end.
    """

    def __init__(
        self,
        key: str,
        file: BinaryIO,
        size_bytes: int,
        start: int,
        length: int | None,
        *,
        sha256: str = "",
    ) -> None:
        try:
            self.length = span_length(size_bytes, start, length)
            file.seek(start)
        except BaseException:
            file.close()
            raise
        self.file: BinaryIO | None = file
        self.size_bytes = size_bytes
        self.start = start
        self.sha256 = sha256
        self._key = key
        self._left = self.length

    def __next__(self) -> bytes:
        """Give the next piece."""
        if self.file is None or not self._left:
            self.close()
            raise StopIteration
        piece = self.file.read(min(PIECE_BYTES, self._left))
        if not piece:
            self.close()
            raise ObjectDamaged(self._key)
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        """Close the file; twice is fine."""
        if self.file is not None:
            self.file.close()
            self.file = None


def open_slice(path: Path, start: int, length: int) -> BinaryIO:
    """Open up to ``length`` bytes of a file from ``start``, as a file of their own to read."""
    return io.BufferedReader(_Slice(path, start, length), PIECE_BYTES)


class _Slice(io.RawIOBase):
    def __init__(self, path: Path, start: int, length: int) -> None:
        super().__init__()
        self._file = path.open("rb", buffering=0)
        self._start = start
        self._length = span_length(os.fstat(self._file.fileno()).st_size, start, length)
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is; an upload that is tried again begins again."""
        return True

    def tell(self) -> int:
        """Return the position in the slice."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Set the position in the slice."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        self._at = origin + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read up to as much as the buffer takes."""
        view = memoryview(buffer).cast("B")
        left = max(0, self._length - self._at)
        self._file.seek(self._start + self._at)
        count = self._file.readinto(view[:left])
        self._at += count
        return count

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def sync_file(path: Path) -> None:
    """Have a file on the disk as an object is to be there; blocks for as long as that takes."""
    with path.open("rb") as file:
        os.fchmod(file.fileno(), _OWNER_AND_GROUP)
        os.fsync(file.fileno())


def move_durably(moves: Sequence[tuple[Path, Path]]) -> None:
    """Give synced files new names that are free, so that they survive a power cut from then on.

    Their time becomes now. All names are made before the first directory is synced: a
    journaling filesystem then writes them together. Blocks for as long as the disk needs.

    Raises:
        FileExistsError: a name is taken, or the name of a directory above it is; the files
            before it are moved, it and those behind it are not.
    """
    changed: set[Path] = set()
    try:
        for source, target in moves:
            os.utime(source)
            changed |= _link_with_directories(source, target)
            source.unlink()
    finally:
        # A directory that another process has just made is written together with what is in
        # it by every journaling filesystem, so that only our own need their parents synced.
        for directory in changed:
            sync_directory(directory)


def _link_with_directories(source: Path, target: Path) -> set[Path]:
    """Return the directories that have new names in them."""
    changed = {target.parent}
    for _ in range(_PRUNED_MEANWHILE_TRIES):
        changed |= _make_directory(target.parent)
        try:
            os.link(source, target)
        except FileNotFoundError:
            continue  # A deletion found the directory empty and removed it.
        return changed
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(target.parent))


def _make_directory(directory: Path) -> set[Path]:
    """Return the directories in which one was made."""
    try:
        directory.mkdir()
    except FileExistsError:
        if _is_other_than_directory(directory):
            raise
        return set()
    except NotADirectoryError as error:
        raise FileExistsError(*error.args) from error
    except FileNotFoundError:
        return _make_directory(directory.parent) | _make_directory(directory)
    return {directory.parent}


def _is_other_than_directory(path: Path) -> bool:
    try:
        return not stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        return False  # It was there a moment ago: a directory that a deletion removed.


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable; one that is gone is fine."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_with_directories(file: Path, top: Path) -> None:
    """Remove a file, and the directories below ``top`` that this leaves empty.

    A file that is not there is fine.
    """
    try:
        file.unlink()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return
    for directory in file.parents:
        if directory == top:
            return
        try:
            directory.rmdir()
        except OSError:
            return
