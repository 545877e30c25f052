"""JSON from outside, refused where readers could disagree about it or where it costs too much.

Duplicate members and ``__proto__`` mean different things to different parsers; deep
nesting ends recursive ones. No client needs any of them.
"""

from __future__ import annotations

from typing import Any

import orjson

from app.errors import InvalidInput

MAX_DEPTH = 254
"""What orjson can write again. It reads, and so recurses, up to 1,024 levels."""

MAX_TOKENS = 4_000_000
"""Bounds the memory that a parsed document takes: a token costs some 50 bytes."""


def loads(raw: bytes | bytearray, what: str) -> Any:  # noqa: ANN401  any JSON value
    """Parse a JSON document.

    Args:
        raw: the whole text.
        what: names the document in errors, at the start of a sentence.

    Raises:
        InvalidInput: it is not JSON in UTF-8, is nested too deep or has too many tokens,
            or an object in it has a member twice or one named ``__proto__``.
    """
    strings = count_strings(raw)
    if strings + sum(map(raw.count, (b",", b"[", b"{"))) > MAX_TOKENS:
        raise InvalidInput(f"{what} has more than {MAX_TOKENS} JSON tokens.")
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{what} is not valid JSON: {error}.") from error
    try:
        again = orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise InvalidInput(f"{what} is nested more than {MAX_DEPTH} levels deep.") from error
    # Of a member that was given twice, one name is missing from what was understood.
    if count_strings(again) != strings:
        raise InvalidInput(f"{what} has an object with the same member twice.")
    if b'"__proto__":' in again:
        raise InvalidInput(f"{what} has a member named __proto__.")
    return value


def load_object(raw: bytes | bytearray, what: str) -> dict[str, Any]:
    """Parse a JSON document that has to be an object.

    Raises:
        InvalidInput: as for :func:`loads`, or it is something else.
    """
    value = loads(raw, what)
    if not isinstance(value, dict):
        raise InvalidInput(f"{what} is not a JSON object.")
    return value


def count_strings(text: bytes | bytearray) -> int:
    """Count the strings of a JSON text, member names included."""
    return _without_escapes(text).count(b'"') // 2


def depth_after(text: bytes | bytearray) -> int:
    """Return how many objects and arrays are open at the end of a JSON text.

    The text begins and ends outside of a string. Of one that is no JSON the answer is right
    up to its first error.
    """
    outside = b"".join(_without_escapes(text).split(b'"')[::2])
    opened, closed = (sum(map(outside.count, one)) for one in ((b"{", b"["), (b"}", b"]")))
    return opened - closed


def _without_escapes(text: bytes | bytearray) -> bytes | bytearray:
    """Drop what could be taken for the end of a string and is not."""
    if b"\\" not in text:
        return text
    return text.replace(b"\\\\", b"").replace(b'\\"', b"")
