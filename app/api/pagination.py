"""Pages of lists: opaque, signed cursors and the ``next`` link.

A cursor says where a page ended. It is signed together with the list and its filters, so
that it cannot be made up, and is no good for another list than the one that gave it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

import orjson
from bson import ObjectId
from flask import request

from app.auth.secrets import derived_key
from app.errors import UnprocessableInput
from app.registry.listing import Key, PageRequest, Position

LONGEST_PAGE = 500
USUAL_PAGE = 50

_PURPOSE = "management cursor"
_SIGNATURE_BYTES = 12
_OF_THE_PAGE = frozenset({"limit", "cursor"})


def read_page(limit: int, cursor: str | None) -> PageRequest:
    """Return which part of the list that is asked for is wanted.

    Raises:
        UnprocessableInput: the cursor was not given by this list, with these filters.
    """
    return PageRequest(limit=limit, after=None if cursor is None else read_cursor(cursor))


def next_link(limit: int, cursor: str) -> str:
    """Return a ``Link`` header's value that leads to the next page.

    Spec: RFC 8288.
    """
    filters = [one for one in request.args.items(multi=True) if one[0] not in _OF_THE_PAGE]
    query = urlencode([*filters, ("limit", limit), ("cursor", cursor)])
    return f'<{request.path}?{query}>; rel="next"'


def write_cursor(position: Position) -> str:
    """Return the cursor of a position in the list that is asked for."""
    payload = orjson.dumps([_packed(key) for key in position])
    return base64.urlsafe_b64encode(_signature(payload) + payload).decode().rstrip("=")


def read_cursor(cursor: str) -> Position:
    """Return the position that a cursor stands for.

    Raises:
        UnprocessableInput: this list, with these filters, has not given it.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _foreign() from error
    signature, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(payload)):
        raise _foreign()
    return tuple(_unpacked(key) for key in orjson.loads(payload))


def _signature(payload: bytes) -> bytes:
    filters: Mapping[str, list[str]] = {
        name: values
        for name, values in sorted(request.args.to_dict(flat=False).items())
        if name not in _OF_THE_PAGE
    }
    signed = orjson.dumps([request.path, filters]) + b"\n" + payload
    return hmac.digest(derived_key(_PURPOSE), signed, "sha256")[:_SIGNATURE_BYTES]


def _packed(key: Key) -> list[str | int]:
    if isinstance(key, ObjectId):
        return ["id", str(key)]
    if isinstance(key, datetime):
        return ["time", key.isoformat()]
    return ["value", key]


def _unpacked(packed: list[str]) -> Key:
    kind, value = packed
    if kind == "id":
        return ObjectId(value)
    if kind == "time":
        return datetime.fromisoformat(value)
    return value


def _foreign() -> UnprocessableInput:
    return UnprocessableInput(
        "This cursor does not belong to this list.",
        {"/cursor": "Use the one that the page before gave, with the same filters."},
    )
