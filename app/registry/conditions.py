"""The conditions and the range of a request that reads, the same for every format.

Spec: RFC 9110, sections 13 (conditional requests) and 14 (ranges).
"""

from __future__ import annotations

import re
from datetime import datetime

from flask import request
from werkzeug.http import http_date

from app.errors import PreconditionFailed, RangeNotSatisfiable

# More digits than any size has are no number that Python would read, either.
_RANGE = re.compile("bytes *= *([0-9]{0,99}) *- *([0-9]{0,99})")


def require_match(etag: str) -> None:
    """Make sure that what is asked for is still what the client knows of.

    Args:
        etag: what it has now: strong, quoted.

    Raises:
        PreconditionFailed: ``If-Match`` names others.
    """
    if "If-Match" in request.headers and not request.if_match.contains_raw(etag):
        raise PreconditionFailed


def asked_span(
    size_bytes: int, *, etag: str, modified_at: datetime | None = None
) -> tuple[int, int] | None:
    """Return start and length of the one range that is asked for; none for the whole.

    Several ranges, another unit, a stale ``If-Range`` and any method but GET give the whole
    (section 14.2); one that is reversed is refused, as clients that resume expect.

    Args:
        size_bytes: of the whole.
        etag: strong, quoted.
        modified_at: a date that ``If-Range`` may name instead.

    Raises:
        RangeNotSatisfiable: it is reversed, or lies outside.
    """
    match = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if match is None or request.method != "GET":
        return None
    condition = request.headers.get("If-Range")
    if condition not in {None, etag, modified_at and http_date(modified_at)}:
        return None
    first, last = match.groups()
    if not first and not last:
        return None
    if not first:
        length = min(int(last), size_bytes)
        start = size_bytes - length
    else:
        start = int(first)
        length = (min(int(last), size_bytes - 1) if last else size_bytes - 1) - start + 1
    if length <= 0 or start >= size_bytes:
        raise RangeNotSatisfiable(size_bytes)
    return start, length
