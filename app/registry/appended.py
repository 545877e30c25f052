"""Texts that grow at their end, of which clients fetch what they do not have yet.

Never encoded, so that a range is a range of the text itself. The ETag and the digest are those
of the whole text: by them a client knows that what it put together is right, also where the
text did not only grow.

Spec: RFC 9110, sections 13 and 14; RFC 9530 (``Repr-Digest``), and ``Digest`` of RFC 3230 for
older clients.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from flask import Response, request
from werkzeug.datastructures import Headers

from app.registry.conditions import asked_span, require_match
from app.registry.responses import HOT_ANSWER, HotAnswer, is_modified

_LARGEST_HOT_BYTES = 512 * 1024
_MOST_PIECES = 1024


@dataclass(frozen=True, kw_only=True)
class AppendedText:
    """One state of a text.

    Attributes:
        pieces: that make it up; shared with earlier and later states.
        md5: hexadecimal; is the ETag.
        sha256: base64.
    """

    pieces: Sequence[bytes]
    size_bytes: int
    md5: str
    sha256: str

    @classmethod
    def of(cls, body: bytes) -> Self:
        """Return a text that is known whole."""
        text = GrowingText()
        text.append(body)
        return cls(
            pieces=(body,),
            size_bytes=len(body),
            md5=text.md5.hexdigest(),
            sha256=base64.b64encode(text.sha256.digest()).decode(),
        )

    @property
    def etag(self) -> str:
        """Return the strong ETag, quoted."""
        return f'"{self.md5}"'

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes from ``start`` up to ``stop``."""
        begin = self.size_bytes
        found: list[bytes] = []
        for piece in reversed(self.pieces):  # what is asked for is at the end, mostly
            begin -= len(piece)
            found.append(piece[max(start - begin, 0) : max(stop - begin, 0)])
            if begin <= start:
                break
        return iter([one for one in reversed(found) if one])


class GrowingText:
    """A text that grows; hashing goes on where it stopped."""

    def __init__(self) -> None:
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.sha256 = hashlib.sha256()
        self._pieces: list[bytes] = []
        self._size_bytes = 0

    def append(self, piece: bytes) -> None:
        """Add to the end."""
        self.md5.update(piece)
        self.sha256.update(piece)
        self._pieces.append(piece)
        self._size_bytes += len(piece)
        if len(self._pieces) > _MOST_PIECES:
            self._pieces = [b"".join(self._pieces)]

    def state(self) -> AppendedText:
        """Return the text as it is now."""
        return AppendedText(
            pieces=tuple(self._pieces),
            size_bytes=self._size_bytes,
            md5=self.md5.hexdigest(),
            sha256=base64.b64encode(self.sha256.digest()).decode(),
        )


def appended_response(text: AppendedText, *, media_type: str, may_be_hot: bool) -> Response:
    """Answer with a text, what follows a place in it, or 304.

    ``If-None-Match`` wins over ``Range``; a range in another unit, or more than one, gives the
    whole.

    Raises:
        PreconditionFailed: ``If-Match`` names another state of it.
        RangeNotSatisfiable: the range begins after the end.
    """
    require_match(text.etag)
    headers = Headers(
        [
            ("Content-Type", media_type),
            ("Cache-Control", "private, no-cache"),
            ("Vary", "Authorization"),
            ("Accept-Ranges", "bytes"),
            ("Repr-Digest", f"sha-256=:{text.sha256}:"),
            ("Digest", f"sha-256={text.sha256}"),
        ]
    )
    plain = tuple(headers)
    headers["ETag"] = text.etag
    if not is_modified(request.environ, text.etag):
        return Response(status=304, headers=headers)
    span = asked_span(text.size_bytes, etag=text.etag)
    if span is not None:
        start, length = span
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{text.size_bytes}"
        return _given(text, headers, start, start + length, status=206)
    if may_be_hot and text.size_bytes <= _LARGEST_HOT_BYTES:
        request.environ[HOT_ANSWER] = HotAnswer(
            headers=plain, body=b"".join(text.pieces), etag=text.etag
        )
    return _given(text, headers, 0, text.size_bytes, status=200)


def _given(text: AppendedText, headers: Headers, start: int, stop: int, *, status: int) -> Response:
    headers["Content-Length"] = str(stop - start)
    if request.method == "HEAD":
        return Response(status=status, headers=headers)
    return Response(text.read(start, stop), status=status, headers=headers, direct_passthrough=True)
