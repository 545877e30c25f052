"""A request's body as ``wsgi.input``: read once, from the socket into the reader's memory.

``io.BufferedReader`` gives ``read``, ``readline`` and iteration their meaning, in C, and
reads large pieces straight into the bytes that it returns.

Spec: RFC 9112, sections 6 and 7.1; RFC 9110, section 10.1.1 (100-continue).
"""

from __future__ import annotations

import io
import re
import time
from typing import TYPE_CHECKING, Any

import gevent

from app.http.server.wire import ClientGone, TooSlow

if TYPE_CHECKING:
    from app.http.server.head import Framing
    from app.http.server.limits import Limits
    from app.http.server.wire import Wire

_BUFFER_BYTES = 64 * 1024
_SMALL_REST_BYTES = 64 * 1024
_LONGEST_LINE_BYTES = 1024  # of a chunk's size with its extensions, and of a trailer
_LARGEST_TRAILERS_BYTES = 4096  # of all of them together
_TEXT = rb"[^\x00-\x08\x0a-\x1f\x7f]*"
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;%b)?" % _TEXT)
_TRAILER = re.compile(rb"[!#$%%&'*+\-.^_`|~0-9A-Za-z]+:%b" % _TEXT)


class BodyError(OSError):
    """The chunks are not what the specification says: nobody knows where the body ends."""


class RequestBody(io.RawIOBase):
    """What one request's body still holds.

    Attributes:
        is_complete: it was read to its end, so that the next request can follow.
    """

    def __init__(self, wire: Wire, framing: Framing, limits: Limits) -> None:
        self._wire = wire
        self._limits = limits
        self._left = framing.body_bytes or 0  # of the body, or of the chunk
        self._is_chunked = framing.body_bytes is None
        self._must_invite = framing.expects_continue
        self._waited_seconds = 0.0
        self._waited_bytes = 0
        self.is_complete = framing.body_bytes == 0

    def as_input(self) -> io.BufferedIOBase:
        """Return the stream for the application."""
        return io.BytesIO() if self.is_complete else io.BufferedReader(self, _BUFFER_BYTES)

    def readable(self) -> bool:
        """Say that this can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401  any writable buffer
        """Read some bytes; 0 at the end.

        Raises:
            ClientGone: the body ended too early, stood still too long, or is too slow.
            BodyError: its chunks are wrong.
        """
        if self.is_complete:
            return 0
        began_at = time.monotonic()
        size = self._receive_into(buffer)
        self._note(size, time.monotonic() - began_at)
        return size

    def _receive_into(self, buffer: Any) -> int:  # noqa: ANN401  any writable buffer
        if self._must_invite:
            self.withdraw_invitation()
            self._wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self._is_chunked and not self._left:
            self._left = self._read_chunk_size()
            if not self._left:
                self._skip_trailers()
                self.is_complete = True
                return 0
        size = self._wire.readinto(memoryview(buffer)[: self._left])
        self._left -= size
        if not self._left:
            self._end_part()
        return size

    def _note(self, size: int, seconds: float) -> None:
        """Add up what came while we waited; what the application takes for itself is free."""
        self._waited_seconds += seconds
        self._waited_bytes += size
        if self._waited_seconds < self._limits.stall_seconds or self.is_complete:
            return
        if self._waited_bytes < self._limits.least_bytes_per_second * self._waited_seconds:
            raise ClientGone
        self._waited_seconds, self._waited_bytes = 0.0, 0

    def withdraw_invitation(self) -> None:
        """Send no 100: the body comes, or its sender has got the answer already."""
        self._must_invite = False

    @property
    def can_be_passed(self) -> bool:
        """Whether it is read, or so little is left that reading it is cheaper than closing."""
        if self.is_complete:
            return True
        return not self._is_chunked and not self._must_invite and self._left <= _SMALL_REST_BYTES

    def pass_rest(self) -> bool:
        """Read what nobody wanted; false where it does not come in time."""
        scratch = bytearray(_SMALL_REST_BYTES)
        with gevent.Timeout(self._limits.skipped_seconds, False):  # noqa: FBT003  gevent's way
            while not self.is_complete:
                self.readinto(scratch)
        return self.is_complete

    def _end_part(self) -> None:
        if not self._is_chunked:
            self.is_complete = True
        elif self._read_line():
            raise BodyError("A chunk is longer than it says.")

    def _read_chunk_size(self) -> int:
        line = _CHUNK_SIZE.fullmatch(self._read_line())
        if line is None:
            raise BodyError("A chunk does not begin with its size.")
        return int(line[1], 16)

    def _skip_trailers(self) -> None:
        """Pass over the trailers, as strict as with a head: they may hide another request."""
        size = 0
        with gevent.Timeout(self._limits.stall_seconds, ClientGone):
            while line := self._read_line():
                size += len(line)
                if size > _LARGEST_TRAILERS_BYTES:
                    raise BodyError("The trailers are too large.")
                if not _TRAILER.fullmatch(line):
                    raise BodyError("A trailer is not a name and a value.")

    def _read_line(self) -> bytes:
        try:
            line = self._wire.read_until(b"\r\n", _check_line, self._limits.stall_seconds)
        except TooSlow as error:
            raise ClientGone from error
        _check_line(line)
        return line


def _check_line(beginning: bytes) -> None:
    if len(beginning) > _LONGEST_LINE_BYTES:
        raise BodyError("A line between the chunks is too long.")
