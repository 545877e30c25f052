"""The client's socket: what was read ahead, how long to wait, and whose turn it is.

Under gevent a socket that is always ready never gives way: one client that asks again at
once, or sends a body faster than it is hashed, would have the process for itself. So the
wire waits through the hub before each request, and lets the others run after each MiB.
"""

from __future__ import annotations

import fcntl
import math
import socket
import struct
import sys
import termios
import time
from typing import TYPE_CHECKING

import gevent
from gevent.hub import get_hub
from gevent.socket import wait

from app.http.server.limits import MIB, Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from gevent.socket import socket as GeventSocket  # noqa: N812  a class, under its usual name

_READ = 1  # libev's EV_READ
_SHORTEST_SECONDS = 1e-6
_READ_AHEAD_BYTES = 64 * 1024
_TURN_BYTES = MIB
_COPIED_BYTES = 64 * 1024  # cheaper to copy behind a head than to send by a second call


class ClientGone(OSError):
    """The client closed, broke or stalled the connection."""


class TooSlow(Exception):
    """What was waited for did not come in time."""


class Wire:
    """One client's connection."""

    def __init__(self, sock: GeventSocket, limits: Limits) -> None:
        self._sock = sock
        self._limits = limits
        self._ahead = b""
        self._position = 0
        self._turn_bytes = 0
        self._readable = get_hub().loop.io(sock.fileno(), _READ)
        self.is_idle = True
        sock.settimeout(limits.stall_seconds)

    @property
    def has_more(self) -> bool:
        """Whether bytes were received that nobody has read."""
        return self._position < len(self._ahead)

    def await_request(self, seconds: float) -> bool:
        """Wait for the first byte of a request; false where none comes.

        Gives way to the other clients first, also where a request is already there.
        """
        if self.has_more:
            self._give_way()
            return True
        self.is_idle = True
        try:
            wait(self._readable, seconds)
            self._ahead = self._sock.recv(_READ_AHEAD_BYTES)
        except OSError:
            return False
        self.is_idle = False
        self._position = 0
        return bool(self._ahead)

    def pass_over(self, prefix: bytes) -> None:
        """Pass over these bytes where they are what comes next."""
        if self._ahead.startswith(prefix, self._position):
            self._position += len(prefix)

    def read_until(
        self, separator: bytes, check: Callable[[bytes], None], seconds: float | None = None
    ) -> bytes:
        """Return what comes before ``separator``, and pass both.

        Args:
            separator: where to stop.
            check: told the beginning each time before more is waited for; raises where it
                is too long already, or can no longer become anything right.
            seconds: for all of the waiting together; none for the stall time each.

        Raises:
            ClientGone: the connection ended first.
            TooSlow: the time is over.
        """
        end = self._ahead.find(separator, self._position)
        if end < 0:
            with gevent.Timeout(seconds, TooSlow):
                end = self._receive_until(separator, check)
        found = self._ahead[self._position : end]
        self._position = end + len(separator)
        return found

    def _receive_until(self, separator: bytes, check: Callable[[bytes], None]) -> int:
        while True:
            beginning = self._ahead[self._position :]
            check(beginning)
            try:
                received = self._sock.recv(_READ_AHEAD_BYTES)
            except OSError as error:
                raise ClientGone from error
            if not received:
                raise ClientGone
            self._ahead = beginning + received
            self._position = 0
            self._give_way_after(len(received))
            end = self._ahead.find(separator)
            if end >= 0:
                return end

    def readinto(self, view: memoryview) -> int:
        """Fill the beginning of ``view`` with what there is; at least one byte.

        Raises:
            ClientGone: the connection ended.
        """
        if self.has_more:
            taken = self._ahead[self._position : self._position + len(view)]
            view[: len(taken)] = taken
            self._position += len(taken)
            return len(taken)
        try:
            size: int = self._sock.recv_into(view)
        except OSError as error:
            raise ClientGone from error
        if not size:
            raise ClientGone
        self._give_way_after(size)
        return size

    def send(self, head: bytes, body: bytes = b"") -> None:
        """Send both, as one segment where they are small.

        Raises:
            ClientGone: the client does not take it.
        """
        try:
            if len(body) <= _COPIED_BYTES:
                self._push(head + body if head else body)
            else:
                if head:
                    self._push(head, socket.MSG_MORE)
                self._push(body)
        except OSError as error:
            raise ClientGone from error
        self._give_way_after(len(body))

    def _push(self, data: bytes, flags: int = 0) -> None:
        rest: bytes | memoryview = data
        since = -math.inf
        in_flight = pushed = 0
        while rest:
            try:
                sent = self._sock.send(rest, flags)
            except TimeoutError:
                # The kernel says that it has room only when a third of its buffer is free,
                # which a slow line may not reach in time. What counts is that it moves.
                sent = 0
            if sent == len(rest):
                return
            rest = memoryview(rest)[sent:]
            pushed += sent
            now = time.monotonic()
            if now - since >= self._limits.stall_seconds:
                waiting = self._unacknowledged_bytes()
                taken = in_flight + pushed - waiting
                if since > 0 and taken < self._limits.least_bytes_per_second * (now - since):
                    raise TimeoutError
                since, in_flight, pushed = now, waiting, 0

    def _unacknowledged_bytes(self) -> int:
        answer = fcntl.ioctl(self._sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
        return int.from_bytes(answer, sys.byteorder)

    def _give_way_after(self, size: int) -> None:
        self._turn_bytes += size
        if self._turn_bytes >= _TURN_BYTES:
            self._turn_bytes = 0
            self._give_way()

    def _give_way(self) -> None:
        """Let the hub look at all sockets once.

        ``sleep(0)`` would not: gevent resumes fifty such greenlets, or one fifty times,
        before it looks.
        """
        gevent.sleep(_SHORTEST_SECONDS)

    def stop_reading(self) -> None:
        """End a wait for a request; one that has arrived by then is still read."""
        try:
            self._sock.shutdown(socket.SHUT_RD)
        except OSError:
            return

    def linger(self) -> None:
        """Let the client read the answer although it may still be sending.

        Closing with unread bytes makes the kernel reset the connection, which can take the
        answer away from the client (RFC 9112, section 9.6).
        """
        scratch = memoryview(bytearray(_READ_AHEAD_BYTES))
        left = self._limits.skipped_bytes
        with gevent.Timeout(self._limits.skipped_seconds, False):  # noqa: FBT003  gevent's way
            try:
                self._sock.shutdown(socket.SHUT_WR)
                while left > 0:
                    left -= self.readinto(scratch)
            except OSError:
                return

    def break_off(self) -> None:
        """Let the close reset the connection: what the client got must not look whole."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def close(self) -> None:
        """Close the connection."""
        self._readable.close()
        self._sock.close()
