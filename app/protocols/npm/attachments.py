"""The body of a PUT, with the tarball that it holds in base64 taken out on the way.

npm sends a version as one JSON document, some 1.34 times as large as the tarball inside
it. It is read once, in pieces: the tarball is decoded straight into a stage of the store,
and everything else, the skeleton, is parsed as a document of ordinary size.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol, Self

import orjson
import pybase64

from app.errors import InvalidInput, TooLarge
from app.protocols.npm import strict_json
from app.storage.base import PIECE_BYTES, Stage, Staged

WHAT = "The package document"
PROVENANCE_SUFFIX = ".sigstore"

_KEY = b'"_attachments"'
_MAX_WORD_BYTES = 4096
_BLANK = re.compile(rb"[ \t\r\n]*")
_WORD = re.compile(rb"[^\s,:\"{}\[\]]*")
# PHP escapes every "/"; .NET and Java write "+" and "=" as code points.
_ESCAPES = {
    b"\\/": b"/",
    b"\\u002b": b"+",
    b"\\u002B": b"+",
    b"\\u002f": b"/",
    b"\\u002F": b"/",
    b"\\u003d": b"=",
    b"\\u003D": b"=",
}


class Readable(Protocol):
    """A body: ``read`` gives up to so many bytes, and none at the end."""

    def read(self, size: int, /) -> bytes:
        """Give the next bytes."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """What a PUT to a package said. A context manager: what is not used is discarded.

    Attributes:
        document: the JSON document, with an empty string in place of the tarball.
        tarballs: what was staged, by the attachment's name; one at most.
    """

    document: dict[str, Any]
    tarballs: dict[str, Staged]

    def __enter__(self) -> Self:
        """Return the body itself."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Discard what was staged, unless it was revealed."""
        for staged in self.tarballs.values():
            staged.discard()


def read_publish(
    stream: Readable, *, limit_document_bytes: int, stage: Callable[[], Stage]
) -> Body:
    """Read the body of a PUT to a package, with or without a tarball in it.

    Args:
        stream: consumed, in pieces of ``PIECE_BYTES``.
        limit_document_bytes: for everything but the tarball.
        stage: begins to take a tarball in; the stage's own limit holds for it.

    Raises:
        InvalidInput: it is not such a document; see also :mod:`strict_json`.
        TooLarge: the document or the tarball is over its limit.
    """
    with ExitStack() as undo:
        reader = _Reader(stream, limit_document_bytes, stage, undo)
        reader.run()
        document = strict_json.load_object(reader.skeleton, WHAT)
        _refuse_unread_data(document)
        undo.pop_all()
        return Body(document=document, tarballs=reader.tarballs)


def _refuse_unread_data(document: dict[str, Any]) -> None:
    """Refuse data that the reader did not see, because its key is spelt with escapes."""
    attachments = document.get("_attachments")
    if not isinstance(attachments, dict):
        return
    for name, attachment in attachments.items():
        is_read = isinstance(attachment, dict) and not attachment.get("data")
        if not (is_read or name.endswith(PROVENANCE_SUFFIX)):
            raise InvalidInput(f"The attachment {name} must be an object with base64 in 'data'.")


class _Reader:
    """Copies a document to its skeleton and decodes what is in its attachments."""

    def __init__(
        self, stream: Readable, limit_bytes: int, stage: Callable[[], Stage], undo: ExitStack
    ) -> None:
        self.skeleton = bytearray()
        self.tarballs: dict[str, Staged] = {}
        self._stream = stream
        self._limit_bytes = limit_bytes
        self._stage = stage
        self._undo = undo
        self._buffer = b""
        self._at = 0
        self._depth = 0
        self._depth_known_to = 0
        self._saw_attachments = False

    def run(self) -> None:
        """Read the whole document."""
        while self._copy_past(_KEY):
            if self._is_top_level_member():
                self._read_attachments()

    # The skeleton and the input.

    def _copy(self, end: int) -> None:
        self.skeleton += memoryview(self._buffer)[self._at : end]
        self._at = end
        if len(self.skeleton) > self._limit_bytes:
            raise TooLarge(WHAT, self._limit_bytes)

    def _more(self) -> bool:
        """Append the next piece to what is not consumed yet."""
        piece = self._stream.read(PIECE_BYTES)
        self._buffer = self._buffer[self._at :] + piece
        self._at = 0
        return bool(piece)

    def _copy_past(self, wanted: bytes) -> bool:
        """Copy up to and with the next ``wanted``, or all that is left."""
        while (found := self._buffer.find(wanted, self._at)) < 0:
            self._copy(max(self._at, len(self._buffer) - len(wanted) + 1))
            if not self._more():
                self._copy(len(self._buffer))
                return False
        self._copy(found + len(wanted))
        return True

    def _peek(self) -> int:
        """Copy white space and return the next byte.

        Raises:
            InvalidInput: the document ends here.
        """
        while True:
            blank = _BLANK.match(self._buffer, self._at)
            self._copy(blank.end() if blank else self._at)
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more():
                raise InvalidInput(f"{WHAT} is cut off.")

    def _take(self, *allowed: bytes) -> bytes:
        """Copy the next byte, which has to be one of these."""
        byte = bytes((self._peek(),))
        if byte not in allowed:
            raise InvalidInput(f"{WHAT} is not valid JSON inside '_attachments'.")
        self._copy(self._at + 1)
        return byte

    # The grammar around attachments.

    def _is_top_level_member(self) -> bool:
        """Whether the word just copied is the name of a member of the document itself."""
        start = len(self.skeleton) - len(_KEY)
        if self.skeleton[start - 1 : start] == b"\\":
            return False
        new = self.skeleton[self._depth_known_to : start]
        self._depth += strict_json.depth_after(new)
        self._depth_known_to = len(self.skeleton)
        return self._depth == 1 and self._peek() == ord(":")

    def _read_attachments(self) -> None:
        if self._saw_attachments:
            raise InvalidInput(f"{WHAT} has '_attachments' twice.")
        self._saw_attachments = True
        self._take(b":")
        if self._peek() == ord("{"):
            for name in self._members():
                self._read_attachment(name)
        self._depth_known_to = len(self.skeleton)

    def _members(self) -> Iterator[str]:
        """Give the name of each member of the object that begins here.

        Whoever iterates consumes the member's value before the next step.
        """
        self._take(b"{")
        if self._peek() == ord("}"):
            self._take(b"}")
            return
        while True:
            name = self._string()
            self._take(b":")
            yield name
            if self._take(b",", b"}") == b"}":
                return

    def _read_attachment(self, name: str) -> None:
        for member in self._members():
            is_string = self._peek() == ord('"')
            if is_string and member == "data" and not name.endswith(PROVENANCE_SUFFIX):
                self._read_tarball(name)
            elif is_string:
                self._copy_string()
            else:
                self._copy_word()

    def _string(self) -> str:
        start = len(self.skeleton)
        self._copy_string(_MAX_WORD_BYTES)
        try:
            return str(orjson.loads(self.skeleton[start:]))
        except orjson.JSONDecodeError as error:
            raise InvalidInput(f"{WHAT} is not valid JSON: {error}.") from error

    def _copy_string(self, limit_bytes: int | None = None) -> None:
        self._take(b'"')
        start = len(self.skeleton)
        while True:
            if not self._copy_past(b'"'):
                raise InvalidInput(f"{WHAT} is cut off.")
            if limit_bytes is not None and len(self.skeleton) - start > limit_bytes:
                raise InvalidInput(f"{WHAT} has a very long name inside '_attachments'.")
            if not self._quote_is_escaped():
                return

    def _quote_is_escaped(self) -> bool:
        """Whether an odd number of backslashes stands before the quote just copied."""
        before = len(self.skeleton) - 2
        at = before
        while self.skeleton[at] == ord("\\"):
            at -= 1
        return (before - at) % 2 == 1

    def _copy_word(self) -> None:
        """Copy a number, ``true``, ``false`` or ``null``."""
        if self._peek() in b"{[":
            raise InvalidInput(f"{WHAT} has an attachment with an object or array in it.")
        while True:
            word = _WORD.match(self._buffer, self._at)
            self._copy(word.end() if word else self._at)
            if self._at < len(self._buffer) or not self._more():
                return

    # The tarball.

    def _read_tarball(self, name: str) -> None:
        if self.tarballs:
            raise InvalidInput("A publish holds exactly one tarball; this one holds more.")
        self._take(b'"')
        decoder = Base64Decoder()
        with self._stage() as stage:
            for piece in self._rest_of_string():
                stage.write(decoder.decode(piece))
            decoder.finish()
            staged = stage.finish()
        self._undo.callback(staged.discard)
        self.tarballs[name] = staged
        self._take(b'"')

    def _rest_of_string(self) -> Iterator[bytes]:
        """Give what is left of a string, past the skeleton; stops before its end quote."""
        while True:
            end = self._buffer.find(b'"', self._at)
            piece = self._buffer[self._at : end if end >= 0 else None]
            self._at += len(piece)
            if piece:
                yield piece
            if end >= 0:
                return
            if not self._more():
                raise InvalidInput(f"{WHAT} is cut off within the tarball.")


class Base64Decoder:
    """Decodes strict base64 that comes in pieces, as the contents of a JSON string."""

    def __init__(self) -> None:
        self._kept = b""
        self._is_over = False

    def decode(self, piece: bytes) -> bytes:
        """Decode what is complete; the rest waits for the next piece.

        Raises:
            InvalidInput: it is not base64: white space, say, or something after padding.
        """
        text, escape = _unescape(self._kept + piece)
        if self._is_over and text:
            raise _not_base64()
        whole = len(text) - len(text) % 4
        self._kept = text[whole:] + escape
        self._is_over = self._is_over or text[:whole].endswith(b"=")
        try:
            return pybase64.b64decode(memoryview(text)[:whole], validate=True)
        except binascii.Error as error:
            raise _not_base64() from error

    def finish(self) -> None:
        """Say that nothing follows.

        Raises:
            InvalidInput: it ends in the middle, or without its padding.
        """
        if self._kept:
            raise _not_base64()


def _unescape(text: bytes) -> tuple[bytes, bytes]:
    """Undo JSON escapes of what base64 is made of.

    Returns:
        The text, and an escape at its end that is not complete yet.
    """
    if b"\\" not in text:
        return text, b""
    if b"\\\\" in text:
        raise _not_base64()
    for escape, character in _ESCAPES.items():
        text = text.replace(escape, character)
    at = text.find(b"\\")
    if at < 0:
        return text, b""
    if not any(escape.startswith(text[at:]) for escape in _ESCAPES):
        raise _not_base64()
    return text[:at], text[at:]


def _not_base64() -> InvalidInput:
    return InvalidInput("The tarball in '_attachments' is not valid base64. Publish it again.")
