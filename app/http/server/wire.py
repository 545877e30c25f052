"""The client's socket: what was read ahead, how long to wait, and whose turn it is.

Under gevent a socket that is always ready never gives way: one client that asks again at
once, or sends a body faster than it is hashed, would have the process for itself. So the
wire waits through the hub before each request, and lets the others run after each MiB.
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

import gevent
from gevent.hub import get_hub
from gevent.socket import wait

from app.http.server.limits import MIB, Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from gevent.socket import socket as GeventSocket  # noqa: N812  a class, under its usual name

_READ = 1  # libev's EV_READ
_READ_AHEAD_BYTES = 64 * 1024
_TURN_BYTES = MIB
_COPIED_BYTES = 64 * 1024  # cheaper to copy behind a head than to send as a second buffer


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
            gevent.sleep(0)
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
                data = head + body if head else body
                sent = self._sock.send(data)
                self._send_rest(data, sent)
            else:
                sent = self._sock.sendmsg([head, body])
                self._send_rest(head, sent)
                self._send_rest(body, max(0, sent - len(head)))
        except OSError as error:
            raise ClientGone from error
        self._give_way_after(len(body))

    def _send_rest(self, data: bytes, sent: int) -> None:
        """Each part that the client takes gives it ``stall_seconds`` for the next.

        ``sendall`` would count them for the whole: too few for a slow line.
        """
        if sent >= len(data):
            return
        view = memoryview(data)
        while sent < len(data):
            sent += self._sock.send(view[sent:])

    def _give_way_after(self, size: int) -> None:
        self._turn_bytes += size
        if self._turn_bytes >= _TURN_BYTES:
            self._turn_bytes = 0
            gevent.sleep(0)

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
