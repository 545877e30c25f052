"""Objects as files: the key is the path below the store's directory."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from app.errors import Unavailable
from app.offload import off_hub
from app.storage.base import (
    Extension,
    Multipart,
    ObjectExists,
    ObjectMissing,
    ObjectStat,
    ObjectStore,
    Part,
    Stage,
    Staged,
    Unfinished,
)
from app.storage.files import (
    FileReader,
    full_disk_is_unavailable,
    move_durably,
    remove_with_directories,
    sync_file,
)
from app.storage.keys import check_key
from app.storage.local_multipart import LocalMultipart
from app.storage.local_unfinished import LocalUnfinished
from app.storage.staging import StagingArea


class FilesystemStore(ObjectStore):
    """Keeps objects in a directory; see ``ObjectStore``.

    Any number of processes may share it. Revealing is a hard link to a free name, which
    the filesystem makes in one step or not at all, so ``staging`` has to be on the same
    one. Where a segment of a key is an object, nothing can be revealed below it.
    """

    def __init__(self, directory: Path, staging: StagingArea) -> None:
        self._directory = directory
        self._staging = staging
        self._multipart = LocalMultipart(staging)
        self._unfinished = LocalUnfinished(staging)
        directory.mkdir(parents=True, exist_ok=True)

    def stage(
        self,
        *,
        limit_bytes: int,
        what: str = "The file",
        algorithms: frozenset[str] = frozenset(),
    ) -> Stage:
        """Begin to take in one artifact."""
        return self._staging.stage(
            limit_bytes=limit_bytes, what=what, algorithms=algorithms, becomes_object=True
        )

    def reveal(self, staged: Staged, key: str) -> None:
        """Move staged bytes to their key; synced to the disk when this returns."""
        self.reveal_all([(staged, key)])

    def reveal_all(self, objects: Sequence[tuple[Staged, str]]) -> None:
        """Move several to their keys, in one go."""
        for staged, _key in objects:
            staged.sync()
        self._move([(staged.path, key) for staged, key in objects])

    def open(
        self,
        key: str,
        start: int = 0,
        length: int | None = None,
        *,
        sha256: str = "",  # noqa: ARG002  only a cache compares it
    ) -> FileReader:
        """Open an object or a range of it; the reader's ``file`` is the object's own."""
        try:
            file = self._path(key).open("rb", buffering=0)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise self._missing(key) from error
        return FileReader(key, file, os.fstat(file.fileno()).st_size, start, length)

    def stat(self, key: str) -> ObjectStat:
        """Look an object up."""
        path = self._path(key)
        try:
            found = path.stat()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise self._missing(key) from error
        if stat.S_ISDIR(found.st_mode):
            raise ObjectMissing(key)
        return _stat(key, found)

    def delete(self, key: str) -> None:
        """Remove an object, and the directories that this leaves empty."""
        off_hub(remove_with_directories, self._path(key), self._directory)

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectStat]:
        """Give the objects whose keys start with ``prefix``, ordered segment by segment."""
        return _walk(self._directory, (), prefix, tuple(after.split("/")) if after else ())

    def presign(
        self,
        key: str,
        *,
        seconds: int,
        filename: str | None = None,
    ) -> None:
        """Give none: files have no URLs."""

    def begin_multipart(self, key: str) -> Multipart:
        """Begin an object that is written in parts."""
        return self._multipart.begin(check_key(key))

    def put_part(self, upload: Multipart, number: int, piece: bytes) -> Part:
        """Write one part to a file of its own."""
        return self._multipart.put(upload, number, piece)

    def complete_multipart(self, upload: Multipart, parts: Sequence[Part]) -> None:
        """Join the parts, and move the result to its key."""
        with self._multipart.joined(upload, parts) as path:
            self._sync_and_move(path, upload.key)
        self._multipart.forget(upload)

    def abort_multipart(self, upload: Multipart) -> None:
        """Remove the parts."""
        self._multipart.forget(upload)

    def extend(self, unfinished: Unfinished) -> Extension:
        """Begin to append to an object's own file."""
        return self._unfinished.extend(unfinished, self._sync_and_move)

    def forget(self, unfinished: Unfinished) -> None:
        """Remove an unfinished object's file."""
        self._unfinished.forget(unfinished)

    def check(self) -> None:
        """Write and remove a file where artifacts arrive."""
        probe = self._staging.new_path()
        try:
            is_one_filesystem = self._directory.stat().st_dev == probe.parent.stat().st_dev
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise Unavailable from error
        if not is_one_filesystem:
            raise Unavailable(
                f"{probe.parent} and {self._directory} have to be on one filesystem: mount "
                "DATA_DIR as a whole."
            )

    def sweep_staging(self, *, older_than_seconds: float) -> int:
        """Remove staged files that were last written that long ago."""
        return self._staging.sweep(older_than_seconds=older_than_seconds)

    def sweep_multipart(self, *, older_than_seconds: float) -> int:
        """Remove the parts of uploads that were begun that long ago, and unfinished objects."""
        return self._multipart.sweep(
            older_than_seconds=older_than_seconds
        ) + self._unfinished.sweep(older_than_seconds=older_than_seconds)

    def _path(self, key: str) -> Path:
        return self._directory / check_key(key)

    def _sync_and_move(self, source: Path, key: str) -> None:
        with full_disk_is_unavailable():
            off_hub(sync_file, source)
        self._move([(source, key)])

    def _move(self, moves: Sequence[tuple[Path, str]]) -> None:
        targets = [(source, self._path(key)) for source, key in moves]
        try:
            with full_disk_is_unavailable():
                off_hub(move_durably, targets)
        except FileExistsError as error:
            taken = next(key for (source, key) in moves if source.exists())
            raise ObjectExists(taken) from error

    def _missing(self, key: str) -> ObjectMissing | Unavailable:
        """Return what a missing file means: nothing is known if the whole store is away."""
        return ObjectMissing(key) if self._directory.is_dir() else Unavailable()


def _stat(key: str, found: os.stat_result) -> ObjectStat:
    return ObjectStat(
        key=key,
        size_bytes=found.st_size,
        modified_at=datetime.fromtimestamp(found.st_mtime, UTC),
    )


def _walk(
    directory: Path, above: tuple[str, ...], prefix: str, after: tuple[str, ...]
) -> Iterator[ObjectStat]:
    """Give the objects in a directory whose segments are ``above``, as long as they are there."""
    try:
        with os.scandir(directory) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in ordered:
        segments = (*above, entry.name)
        key = "/".join(segments)
        if entry.is_dir(follow_symlinks=False):
            below = key + "/"
            could_hold = below.startswith(prefix) or prefix.startswith(below)
            if could_hold and segments >= after[: len(segments)]:
                yield from _walk(Path(entry.path), segments, prefix, after)
        elif key.startswith(prefix) and segments > after:
            try:
                yield _stat(key, entry.stat(follow_symlinks=False))
            except FileNotFoundError:
                continue
