"""Objects in a bucket of any S3 server.

What arrives is staged on the local disk, so that its protocol can check it there, and is
uploaded when it is revealed: whole where it is small, else in parts. Either becomes visible
in one step, and only where the key is free.

A request that is sent again, because its answer got lost, finds its own object in the way.
So every upload leaves a mark on its object, by which it is known again.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import BinaryIO
from urllib.parse import quote

from app.errors import Unavailable
from app.storage.base import (
    PIECE_BYTES,
    Extension,
    Multipart,
    ObjectExists,
    ObjectMissing,
    ObjectReader,
    ObjectStat,
    ObjectStore,
    Part,
    Stage,
    Staged,
    Unfinished,
    UploadMissing,
)
from app.storage.files import open_slice, span_length
from app.storage.keys import check_key
from app.storage.s3 import Answer, Connection, Prefix
from app.storage.s3_extension import S3Extension
from app.storage.staging import StagingArea

MIB = 1024 * 1024
_MOST_PARTS = 10_000
_PARTS_AT_ONCE = 4

_MARK = "upload"
_SHA256 = "sha256"

_CLAIM_LIFE = timedelta(seconds=120)
"""How long a completion may take; longer than all tries of one request."""
_CLAIM_WAIT_SECONDS = 30
_CLAIM_POLL_SECONDS = 0.1


class S3Store(ObjectStore):
    """Keeps objects below a prefix of a bucket; see ``ObjectStore``.

    May be used by any number of processes, threads and greenlets.

    Args:
        prefix: what keys begin with in the bucket, without the slash between.
        whole_up_to_bytes: what is larger is uploaded in parts, several at a time.
        part_bytes: of each but the last; more where 10,000 of them are too few.
    """

    def __init__(
        self,
        connection: Connection,
        prefix: str,
        staging: StagingArea,
        *,
        whole_up_to_bytes: int = 64 * MIB,
        part_bytes: int = 16 * MIB,
    ) -> None:
        self._whole_up_to_bytes = whole_up_to_bytes
        self._part_bytes = part_bytes
        self._connection = connection
        self._objects = Prefix(connection, prefix + "/")
        self._claims = Prefix(connection, prefix + ".claims/")
        self._staging = staging

    def stage(
        self,
        *,
        limit_bytes: int,
        what: str = "The file",
        algorithms: frozenset[str] = frozenset(),
    ) -> Stage:
        """Begin to take in one artifact, on the local disk."""
        return self._staging.stage(limit_bytes=limit_bytes, what=what, algorithms=algorithms)

    def reveal(self, staged: Staged, key: str) -> None:
        """Upload staged bytes, and remove the local file."""
        check_key(key)
        metadata = {_MARK: staged.path.name, _SHA256: staged.digests.sha256}
        if staged.size_bytes > self._whole_up_to_bytes:
            self._put_in_parts(staged, key, metadata)
        else:
            with staged.open() as body, self._unless_ours(key, metadata[_MARK]):
                self._objects.put_new(key, body, metadata)
        staged.discard()

    def open(
        self,
        key: str,
        start: int = 0,
        length: int | None = None,
        *,
        sha256: str = "",  # noqa: ARG002  only a cache compares it
    ) -> S3Reader:
        """Open an object or a range of it; holds a connection until it is closed."""
        span_length(start, start, length)  # Refuses a negative range before S3 sees it.
        answer = self._objects.get(check_key(key), start, length)
        if answer is not None:
            return S3Reader(answer, start)
        size_bytes = self.stat(key).size_bytes
        span_length(size_bytes, start, length)
        return S3Reader(None, start, size_bytes)

    def stat(self, key: str) -> ObjectStat:
        """Look an object up."""
        head = self._objects.head(check_key(key))
        return ObjectStat(key=key, size_bytes=head.size_bytes, modified_at=head.modified_at)

    def delete(self, key: str) -> None:
        """Remove an object."""
        self._objects.delete(check_key(key))

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectStat]:
        """Give the objects whose keys start with ``prefix``, in the server's order."""
        return self._objects.list(prefix, after)

    def presign(self, key: str, *, seconds: int, filename: str | None = None) -> str:
        """Give a signed URL at the S3 endpoint."""
        disposition = None if filename is None else _attachment(filename)
        return self._objects.presign(check_key(key), seconds, disposition)

    def begin_multipart(self, key: str) -> Multipart:
        """Begin an object that is written in parts."""
        return self._begin(check_key(key), {_MARK: uuid.uuid4().hex})

    def put_part(self, upload: Multipart, number: int, piece: bytes) -> Part:
        """Upload one part."""
        if not 1 <= number <= _MOST_PARTS:
            raise ValueError(f"part {number}: only 1 to {_MOST_PARTS} are possible")
        etag = self._objects.put_part(_without_mark(upload), number, piece)
        return Part(number=number, size_bytes=len(piece), etag=etag)

    def complete_multipart(self, upload: Multipart, parts: Sequence[Part]) -> None:
        """Make the parts one object."""
        if not parts:
            raise ValueError("no parts")
        with self._unless_ours(upload.key, _mark(upload)), self._sole_completion(upload.key):
            self._objects.complete_new(_without_mark(upload), parts)

    def abort_multipart(self, upload: Multipart) -> None:
        """Forget the parts."""
        with suppress(UploadMissing):
            self._objects.abort(_without_mark(upload))

    def extend(self, unfinished: Unfinished) -> Extension:
        """Begin to append: to a multipart upload, once there is enough for a part.

        Several may be at it; their parts have different numbers, and whoever records what
        ``finish`` returns decides whose count.
        """
        return S3Extension(self, unfinished, self._put_whole)

    def forget(self, unfinished: Unfinished) -> None:
        """Abort the multipart upload, if there is one."""
        if unfinished.upload_id:
            self.abort_multipart(Multipart(upload_id=unfinished.upload_id, key=unfinished.key))

    def check(self) -> None:
        """Ask for the bucket, and make it where there is none."""
        if not self._connection.has_bucket():
            self._connection.make_bucket()

    def sweep_staging(self, *, older_than_seconds: float) -> int:
        """Remove local staged files that were last written that long ago."""
        return self._staging.sweep(older_than_seconds=older_than_seconds)

    def sweep_multipart(self, *, older_than_seconds: float) -> int:
        """Abort uploads begun that long ago, those of a ``reveal`` that died among them."""
        before = datetime.now(UTC) - timedelta(seconds=older_than_seconds)
        old = [upload for upload, begun_at in self._objects.uploads() if begun_at < before]
        for upload in old:
            self.abort_multipart(upload)
        for claim in self._claims.list("", ""):
            if claim.modified_at < before:
                self._claims.delete(claim.key)
        return len(old)

    def _put_whole(self, unfinished: Unfinished, key: str) -> None:
        with self._unless_ours(key, unfinished.id):
            self._objects.put_new(key, unfinished.tail, {_MARK: unfinished.id})

    def _put_in_parts(self, staged: Staged, key: str, metadata: dict[str, str]) -> None:
        upload = self._begin(key, metadata)
        part_bytes = max(self._part_bytes, -(-staged.size_bytes // _MOST_PARTS))
        count = -(-staged.size_bytes // part_bytes)

        def put(number: int) -> Part:
            start = (number - 1) * part_bytes
            size_bytes = min(part_bytes, staged.size_bytes - start)
            os.utime(staged.path)  # It is in use, however long ago it arrived: see sweep_staging.
            with open_slice(staged.path, start, size_bytes) as body:
                etag = self._objects.put_part(_without_mark(upload), number, body)
            return Part(number=number, size_bytes=size_bytes, etag=etag)

        try:
            with ThreadPoolExecutor(_PARTS_AT_ONCE) as pool:
                parts = list(pool.map(put, range(1, count + 1)))
            self.complete_multipart(upload, parts)
        except BaseException:
            with suppress(Unavailable):  # Then it is swept.
                self.abort_multipart(upload)
            raise

    def _begin(self, key: str, metadata: dict[str, str]) -> Multipart:
        upload_id = self._objects.begin(key, metadata)
        return Multipart(upload_id=f"{metadata[_MARK]}:{upload_id}", key=key)

    @contextmanager
    def _unless_ours(self, key: str, mark: str) -> Iterator[None]:
        """Take "exists" and "no such upload" for success where the object has our mark."""
        try:
            yield
        except (ObjectExists, UploadMissing) as error:
            found = self._mark_of(key)
            if found == mark:
                return
            if found is None and isinstance(error, ObjectExists):
                raise Unavailable from error  # It was being deleted, or is being written.
            raise

    def _mark_of(self, key: str) -> str | None:
        """Return the mark of the object that has the key; none where there is no object."""
        try:
            return self._objects.head(key).metadata.get(_MARK, "")
        except ObjectMissing:
            return None

    @contextmanager
    def _sole_completion(self, key: str) -> Iterator[None]:
        """Be the only one who completes an upload of this key.

        AWS looks whether the key is free and completes in one step. SeaweedFS (4.48) looks
        first, so that several completions at once all succeed and the last one stays. Its
        PutObject does both in one step, and so makes a good lock. What this cannot exclude
        there is a PutObject of the same key between the look and the completion.

        Raises:
            ObjectExists: somebody else has completed one.
            Unavailable: somebody else has been about to for a long time.
        """
        claim = hashlib.sha256(key.encode()).hexdigest()
        mark = uuid.uuid4().hex
        give_up = time.monotonic() + _CLAIM_WAIT_SECONDS
        while not self._put_claim(claim, mark):
            if self._mark_of(key) is not None:
                raise ObjectExists(key)
            if time.monotonic() > give_up:
                raise Unavailable
            time.sleep(_CLAIM_POLL_SECONDS)
        try:
            yield
        finally:
            with suppress(Unavailable):  # Then it runs out.
                self._claims.delete(claim)

    def _put_claim(self, claim: str, mark: str) -> bool:
        try:
            self._claims.put_new(claim, b"", {_MARK: mark})
        except ObjectExists:
            with suppress(ObjectMissing):
                found = self._claims.head(claim)
                if found.age > _CLAIM_LIFE:
                    self._claims.delete(claim)
                return found.metadata.get(_MARK) == mark
            return False
        return True


class S3Reader(ObjectReader):
    """Reads a response's body; see ``ObjectReader``.

    Args:
        answer: none for a range without bytes.
        size_bytes: of the whole object, where there is no answer.
    """

    file: BinaryIO | None = None

    def __init__(self, answer: Answer | None, start: int, size_bytes: int = 0) -> None:
        self.start = start
        self.size_bytes = answer.size_bytes if answer else size_bytes
        self.length = answer.length if answer else 0
        self.sha256 = answer.metadata.get(_SHA256, "") if answer else ""
        self._body = answer.body if answer else None

    def __next__(self) -> bytes:
        """Give the next piece."""
        piece = self._body.read(PIECE_BYTES) if self._body else b""
        if not piece:
            self.close()
            raise StopIteration
        return piece

    def close(self) -> None:
        """Give the connection back; twice is fine."""
        if self._body is not None:
            self._body.close()
            self._body = None


def _mark(upload: Multipart) -> str:
    return upload.upload_id.rpartition(":")[0]


def _without_mark(upload: Multipart) -> Multipart:
    return Multipart(upload_id=upload.upload_id.rpartition(":")[2], key=upload.key)


def _attachment(filename: str) -> str:
    """Return a Content-Disposition that any file name fits in (RFC 6266)."""
    plain = re.sub(r'[^ -~]|["\\]', "_", filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
