"""Read a request's body once, in pieces, within a limit."""

from __future__ import annotations

from typing import IO

from flask import Request

from app.errors import InvalidInput, TooLarge


class Body:
    """A request's body.

    A client that goes away, or sends less than it announced, is the client's fault and
    gives :class:`InvalidInput`; never a 5xx.

    Args:
        request: its stream is consumed.
        limit_bytes: how long the body may be.
        what: what it is called where it is too large.
        named_limit_bytes: which limit is named then, where that is less: of what the body is for.
    """

    def __init__(
        self,
        request: Request,
        *,
        limit_bytes: int,
        what: str = "The request body",
        named_limit_bytes: int | None = None,
    ) -> None:
        self._too_large = TooLarge(what, named_limit_bytes or limit_bytes)
        announced = request.content_length
        if announced is not None and announced > limit_bytes:
            raise self._too_large
        self._stream: IO[bytes] = request.stream
        self._left = limit_bytes

    def read(self, size: int = -1, /) -> bytes:
        """Read up to ``size`` bytes; empty at the end.

        Raises:
            InvalidInput: the body ends too early.
            TooLarge: it does not end within the limit.
        """
        wanted = self._left + 1 if size < 0 else min(size, self._left + 1)
        try:
            piece = self._stream.read(wanted)
        except OSError as error:
            raise InvalidInput("The request body ended before its announced length.") from error
        self._left -= len(piece)
        if self._left < 0:
            raise self._too_large
        return piece
