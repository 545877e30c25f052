"""Append to an object in a bucket: parts as soon as there is enough for one.

S3 takes parts of at least 5 MiB. What is less is given back as the tail, and comes first
in the next part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

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
    """Collects pieces to parts and uploads them; see ``Extension``."""

    def __init__(
        self,
        store: ObjectStore,
        unfinished: Unfinished,
        put_whole: Callable[[Unfinished, str], None],
    ) -> None:
        self._store = store
        self._put_whole = put_whole
        self._result = unfinished
        self._waiting = [unfinished.tail]
        self._waiting_bytes = len(unfinished.tail)
        self._size_bytes = unfinished.size_bytes

    def write(self, piece: bytes) -> None:
        """Append; uploads a part where there is enough."""
        self._waiting.append(piece)
        self._waiting_bytes += len(piece)
        self._size_bytes += len(piece)
        if self._waiting_bytes >= _PART_BYTES:
            self._upload()

    def finish(self, *, is_last: bool = False) -> Unfinished:  # noqa: ARG002  parts are durable
        """Upload what is enough for a part, and give the rest back as the tail."""
        if self._waiting_bytes >= LEAST_PART_BYTES:
            self._upload()
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
        self._waiting = []

    def _upload(self) -> None:
        self._result = self._with_part(b"".join(self._waiting))
        self._waiting = []
        self._waiting_bytes = 0

    def _with_part(self, content: bytes) -> Unfinished:
        if not self._result.upload_id:
            upload = self._store.begin_multipart(self._result.key)
            self._result = replace(self._result, upload_id=upload.upload_id)
        part = self._store.put_part(self._multipart(), self._result.next_number(), content)
        return replace(self._result, parts=(*self._result.parts, part))

    def _multipart(self) -> Multipart:
        return Multipart(upload_id=self._result.upload_id, key=self._result.key)
