"""Small JSON in and out, as npm's clients send and expect it."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response, request

from app.errors import InvalidInput
from app.protocols.npm import parsing
from app.registry.bodies import Body

_LARGEST_BYTES = 1024 * 1024


def json_response(value: object, *, status: int = 200) -> Response:
    """Answer with JSON that nobody may store: it is about one caller, at one moment."""
    response = Response(orjson.dumps(value), status=status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def json_body(*, limit_bytes: int = _LARGEST_BYTES) -> Any:  # noqa: ANN401  whatever JSON was sent
    """Read a JSON body of any type, also a bare string, gzip-encoded or not.

    Args:
        limit_bytes: of what is sent, and of what it is when it was decompressed.
    """
    return parsing.read_json(
        Body(request, limit_bytes=limit_bytes),
        encoding=request.headers.get("Content-Encoding", ""),
        limit_bytes=limit_bytes,
    )


def json_object() -> dict[str, Any]:
    """Read a small JSON object."""
    body = json_body()
    if not isinstance(body, dict):
        raise InvalidInput("Send a JSON object.")
    return body
