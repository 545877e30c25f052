"""One answer: its head, and how the client will know where it ends.

Spec: PEP 3333, "The start_response() Callable"; RFC 9112, section 6.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from app.http.server.body import RequestBody
    from app.http.server.head import Framing
    from app.http.server.wire import Wire

    ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType]


_WITHOUT_BODY = frozenset({204, 304})


class WrongAnswer(Exception):
    """The application breaks PEP 3333 or its own Content-Length."""


class Answer:
    """What the application answers to one request.

    Attributes:
        is_started: the head is on its way; nothing can be taken back.
        keeps_alive: another request may follow on the connection. Settled with the head.
    """

    def __init__(self, wire: Wire, framing: Framing, body: RequestBody, *, is_head: bool) -> None:
        self._wire = wire
        self._framing = framing
        self._request_body = body
        self._is_head = is_head
        self._status = ""
        self._headers: list[tuple[str, str]] = []
        self._left: int | None = None  # of the announced length
        self._is_chunked = False
        self._has_body = True
        self.is_started = False
        self.keeps_alive = framing.keeps_alive

    def start_response(
        self,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: ExceptionInfo | tuple[None, None, None] | None = None,
    ) -> Callable[[bytes], object]:
        """Set status and headers; they are sent with the first piece of the body."""
        if exc_info and exc_info[1] is not None and self.is_started:
            raise exc_info[1]
        if self._status and not exc_info:
            raise WrongAnswer("start_response was called twice.")
        self._status = status
        self._headers = headers
        return self.write

    def send(self, result: Iterable[bytes]) -> None:
        """Send the whole answer.

        Raises:
            ClientGone: the client does not take it.
            WrongAnswer: it is not what it says it is.
        """
        if isinstance(result, list | tuple) and not self.is_started:
            self._left = sum(map(len, result))
        for piece in result:
            if piece:
                self.write(piece)
        if not self.is_started:
            self.write(b"")
        if self._is_chunked:
            self._wire.send(b"0\r\n\r\n")
        elif self._left:
            raise WrongAnswer("The body is shorter than its Content-Length.")

    def write(self, piece: bytes) -> None:
        """Send a piece of the body, behind the head if it is the first."""
        head = b"" if self.is_started else self._begin()
        if not self._has_body:
            piece = b""
        elif self._left is not None:
            self._left -= len(piece)
            if self._left < 0:
                raise WrongAnswer("The body is longer than its Content-Length.")
        elif self._is_chunked and piece:
            piece = b"%x\r\n%b\r\n" % (len(piece), piece)
        self.is_started = True
        self._wire.send(head, piece)

    def _begin(self) -> bytes:
        if not self._status:
            raise WrongAnswer("start_response was not called.")
        lines = [f"HTTP/1.1 {self._status}", *map(": ".join, self._headers)]
        given = {name.lower(): value for name, value in self._headers}
        if "date" not in given:
            lines.append(date_line())
        self._decide_end(given, lines)
        self._decide_keeping(given, lines)
        text = "\r\n".join(lines)
        ends = len(lines) - 1
        if text.count("\n") != ends or text.count("\r") != ends or "\0" in text:
            raise WrongAnswer("A header holds the end of a line.")
        self._request_body.withdraw_invitation()
        return text.encode("latin-1") + b"\r\n\r\n"

    def _decide_end(self, given: dict[str, str], lines: list[str]) -> None:
        code = int(self._status[:3])
        if self._is_head or code in _WITHOUT_BODY:
            self._has_body = False
            self._left = None
        elif "content-length" in given:
            self._left = int(given["content-length"])
        elif self._left is not None:
            lines.append(f"Content-Length: {self._left}")
        elif self._framing.is_http_1_1:
            self._is_chunked = True
            lines.append("Transfer-Encoding: chunked")
        else:
            self.keeps_alive = False

    def _decide_keeping(self, given: dict[str, str], lines: list[str]) -> None:
        wish = given.get("connection", "").lower()
        if wish == "close" or not self._request_body.can_be_passed:
            self.keeps_alive = False
        if wish:
            return
        if not self.keeps_alive:
            lines.append("Connection: close")
        elif not self._framing.is_http_1_1:
            lines.append("Connection: keep-alive")


def date_line() -> str:
    """Return the Date header of now (RFC 9110, section 6.6.1)."""
    return _date_line(int(time.time()))


@lru_cache(maxsize=1)
def _date_line(second: int) -> str:
    return f"Date: {formatdate(second, usegmt=True)}"
