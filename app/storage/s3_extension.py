"""Append to an object in a bucket: parts as soon as there is enough for one.

S3 takes parts of at least 5 MiB. What is less is given back as the tail, and comes first
in the next part.
"""

from __future__ import annotations

from dataclasses import replace

from app.storage.base import (
    LEAST_PART_BYTES,
    Extension,
    Multipart,
    ObjectStore,
    Part,
    Unfinished,
)

_PART_BYTES = 8 * 1024 * 1024
"""Less would be more requests, more would be more memory for each upload under way."""


class S3Extension(Extension):
    """Collects pieces to parts and uploads them; see ``Extension``."""

    def __init__(self, store: ObjectStore, unfinished: Unfinished) -> None:
        self._store = store
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

    def finish(self) -> Unfinished:
        """Upload what is enough for a part, and give the rest back as the tail."""
        if self._waiting_bytes >= LEAST_PART_BYTES:
            self._upload()
        return replace(self._result, size_bytes=self._size_bytes, tail=b"".join(self._waiting))

    def discard(self) -> None:
        """Forget it: parts that nobody names never become part of the object."""
        self._waiting = []

    def _upload(self) -> None:
        self._result = _with_part(self._store, self._result, b"".join(self._waiting))
        self._waiting = []
        self._waiting_bytes = 0


def with_tail_as_part(store: ObjectStore, unfinished: Unfinished) -> Unfinished:
    """Upload the tail as the last part, which may be a small one."""
    if not unfinished.tail:
        return unfinished
    return replace(_with_part(store, unfinished, unfinished.tail), tail=b"")


def _with_part(store: ObjectStore, unfinished: Unfinished, content: bytes) -> Unfinished:
    if not unfinished.upload_id:
        upload = store.begin_multipart(unfinished.key)
        unfinished = replace(unfinished, upload_id=upload.upload_id)
    upload = Multipart(upload_id=unfinished.upload_id, key=unfinished.key)
    part: Part = store.put_part(upload, unfinished.next_number(), content)
    return replace(unfinished, parts=(*unfinished.parts, part))
