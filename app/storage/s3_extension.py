"""Append to an object in a bucket: parts as soon as there is enough for one.

S3 takes parts of at least 5 MiB. What is less is given back as the tail, and comes first
in the next part.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from app.errors import Unavailable
from app.storage.base import (
    LEAST_PART_BYTES,
    Extension,
    Multipart,
    ObjectStore,
    Unfinished,
)

_PART_BYTES = 8 * 1024 * 1024
"""Less would be more requests, more would be more memory for each upload under way."""


class S3Extension(Extension):
    """Collects pieces to parts and uploads them; see ``Extension``.

    A part is on its way while the pieces of the next one arrive, so that two are in memory.
    """

    def __init__(
        self,
        store: ObjectStore,
        unfinished: Unfinished,
        put_whole: Callable[[Unfinished, str], None],
    ) -> None:
        self._store = store
        self._put_whole = put_whole
        self._before = unfinished
        self._result = unfinished
        self._waiting = [unfinished.tail]
        self._waiting_bytes = len(unfinished.tail)
        self._size_bytes = unfinished.size_bytes
        self._uploader: ThreadPoolExecutor | None = None
        self._uploading: Future[Unfinished] | None = None
        self._is_over = False

    def write(self, piece: bytes) -> None:
        """Append; begins to upload a part where there is enough."""
        self._waiting.append(piece)
        self._waiting_bytes += len(piece)
        self._size_bytes += len(piece)
        if self._waiting_bytes >= _PART_BYTES:
            self._begin_part()

    def finish(self, *, is_last: bool = False) -> Unfinished:  # noqa: ARG002  parts are durable
        """Upload what is enough for a part, and give the rest back as the tail."""
        if self._waiting_bytes >= LEAST_PART_BYTES:
            self._begin_part()
        self._end_part()
        self._is_over = True
        self._result = replace(
            self._result, size_bytes=self._size_bytes, tail=b"".join(self._waiting)
        )
        return self._result

    def complete(self, key: str) -> str:
        """Upload what is small whole; else make the parts an object under its own key."""
        if not self._result.parts:
            self._put_whole(self._result, key)
            return key
        if self._result.tail:  # The last part may be a small one.
            self._result = self._with_part(self._result.tail)
        self._store.complete_multipart(self._multipart(), self._result.parts)
        return self._result.key

    def discard(self) -> None:
        """Forget it: parts that nobody names never become part of the object."""
        if self._uploader is not None:
            self._uploader.shutdown()
        if self._is_over:
            return
        self._is_over = True
        self._waiting = []
        if self._uploading is not None and self._uploading.exception() is None:
            self._result = self._uploading.result()
        if self._result.upload_id != self._before.upload_id:
            with suppress(Unavailable):  # Then it is swept.
                self._store.abort_multipart(self._multipart())

    def _begin_part(self) -> None:
        self._end_part()
        content = b"".join(self._waiting)
        self._waiting = []
        self._waiting_bytes = 0
        if self._uploader is None:
            self._uploader = ThreadPoolExecutor(1)
        self._uploading = self._uploader.submit(self._with_part, content)

    def _end_part(self) -> None:
        uploading, self._uploading = self._uploading, None
        if uploading is not None:
            self._result = uploading.result()

    def _with_part(self, content: bytes) -> Unfinished:
        found = self._result
        if not found.upload_id:
            upload = self._store.begin_multipart(found.key)
            found = replace(found, upload_id=upload.upload_id)
        upload = Multipart(upload_id=found.upload_id, key=found.key)
        part = self._store.put_part(upload, found.next_number(), content)
        return replace(found, parts=(*found.parts, part))

    def _multipart(self) -> Multipart:
        return Multipart(upload_id=self._result.upload_id, key=self._result.key)
