"""Uploads in parts, kept as files until they are joined."""

from __future__ import annotations

import hashlib
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from app.offload import off_hub
from app.storage.base import LEAST_PART_BYTES, PIECE_BYTES, Multipart, Part, UploadMissing
from app.storage.files import full_disk_is_unavailable
from app.storage.staging import StagingArea

_KEY = "key"
_MOST_PARTS = 10_000


class LocalMultipart:
    """A directory for each upload, with a file for each part and one that holds the key.

    A part's file is named by its number and its digest, so that a part that was replaced
    is not found any more under the etag that it had.
    """

    def __init__(self, staging: StagingArea) -> None:
        self._staging = staging
        self._directory = staging.directory / "multipart"

    def begin(self, key: str) -> Multipart:
        """Begin an upload of this key."""
        upload = Multipart(upload_id=uuid.uuid4().hex, key=key)
        directory = self._directory / upload.upload_id
        directory.mkdir(parents=True)
        (directory / _KEY).write_bytes(key.encode())
        return upload

    def put(self, upload: Multipart, number: int, piece: bytes) -> Part:
        """Write a part, in place of the one that had its number."""
        if not 1 <= number <= _MOST_PARTS:
            raise ValueError(f"part {number}: only 1 to {_MOST_PARTS} are possible")
        directory = self._existing(upload)
        etag = hashlib.md5(piece, usedforsecurity=False).hexdigest()
        part = Part(number=number, size_bytes=len(piece), etag=etag)
        arriving = self._staging.new_path()
        try:
            with full_disk_is_unavailable():
                arriving.write_bytes(piece)
            arriving.replace(_file(directory, part))
        except FileNotFoundError as error:
            raise UploadMissing(upload) from error
        finally:
            arriving.unlink(missing_ok=True)
        for other in directory.glob(f"{number:05d}.*"):
            if other.name != _file(directory, part).name:
                other.unlink(missing_ok=True)
        return part

    @contextmanager
    def joined(self, upload: Multipart, parts: Sequence[Part]) -> Iterator[Path]:
        """Give a new file with the parts joined; what is left of it goes at the end.

        Raises:
            UploadMissing: the upload is over.
            ValueError: the parts are not as ``ObjectStore.complete_multipart`` wants them.
        """
        directory = self._existing(upload)
        _check_order_and_sizes(parts)
        whole = self._staging.new_path()
        try:
            with full_disk_is_unavailable():
                off_hub(_join, directory, parts, whole)
            yield whole
        finally:
            whole.unlink(missing_ok=True)

    def forget(self, upload: Multipart) -> None:
        """Remove an upload; harmless when it is over."""
        with suppress(UploadMissing):
            shutil.rmtree(self._existing(upload), ignore_errors=True)

    def sweep(self, *, older_than_seconds: float) -> int:
        """Remove the uploads that were begun that long ago; returns how many."""
        before = time.time() - older_than_seconds
        count = 0
        for key in self._directory.glob(f"*/{_KEY}"):
            with suppress(FileNotFoundError):  # Another process sweeps too.
                if key.stat().st_mtime < before:
                    shutil.rmtree(key.parent, ignore_errors=True)
                    count += 1
        return count

    def _existing(self, upload: Multipart) -> Path:
        directory = self._directory / Path(upload.upload_id).name
        try:
            key = (directory / _KEY).read_bytes().decode()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UploadMissing(upload) from error
        if key != upload.key:
            raise UploadMissing(upload)
        return directory


def _file(directory: Path, part: Part) -> Path:
    return directory / f"{part.number:05d}.{part.etag}"


def _check_order_and_sizes(parts: Sequence[Part]) -> None:
    if not parts:
        raise ValueError("no parts")
    numbers = [part.number for part in parts]
    if numbers != sorted(set(numbers)):
        raise ValueError(f"parts out of order: {numbers}")
    for part in parts[:-1]:
        if part.size_bytes < LEAST_PART_BYTES:
            raise ValueError(f"part {part.number} has fewer than {LEAST_PART_BYTES} bytes")


def _join(directory: Path, parts: Sequence[Part], whole: Path) -> None:
    with whole.open("xb") as target:
        for part in parts:
            try:
                with _file(directory, part).open("rb") as source:
                    shutil.copyfileobj(source, target, PIECE_BYTES)
                    written = source.tell()
            except FileNotFoundError as error:
                raise ValueError(f"part {part.number} is not the one written last") from error
            if written != part.size_bytes:
                raise ValueError(f"part {part.number} has not {part.size_bytes} bytes")
