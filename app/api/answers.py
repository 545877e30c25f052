"""Turn what use cases return into HTTP answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from flask import Response, request
from marshmallow import Schema

from app.api import etags
from app.api.pagination import next_link, write_cursor
from app.registry.background import JobView
from app.registry.listing import Page

JSON = "application/json"
LINES = "application/x-ndjson"
_REVALIDATED = "private, no-cache"
_KEPT_BY_NOBODY = "no-store"


def body_of(schema: Schema, shown: object) -> bytes:
    """Write a resource as JSON."""
    return orjson.dumps(schema.dump(shown))


def one(schema: Schema, shown: object, status: int = 200) -> Response:
    """Answer with one resource and its ETag, or with 304 where the client has it."""
    body = body_of(schema, shown)
    etag = etags.etag_of(body)
    is_read = request.method in {"GET", "HEAD"}
    if is_read and etags.is_unmodified(etag):
        response = Response(status=304)
    else:
        response = Response(body, status=status, content_type=JSON)
    response.set_etag(etag)
    return _revalidated(response)


def accepted(schema: Schema, job: JobView) -> Response:
    """Answer with the job that does what was asked for."""
    response = Response(body_of(schema, job), status=202, content_type=JSON)
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    return _revalidated(response)


def secret(schema: Schema, shown: object, status: int = 200) -> Response:
    """Answer with what holds a secret."""
    response = Response(body_of(schema, shown), status=status, content_type=JSON)
    response.headers["Cache-Control"] = _KEPT_BY_NOBODY
    return response


def page(schema: Schema, shown: Page[Any], limit: int) -> Response:
    """Answer with one page of a list, and a link to the next."""
    cursor = None if shown.next is None else write_cursor(shown.next)
    body = {"items": schema.dump(shown.items, many=True), "next_cursor": cursor}
    response = Response(orjson.dumps(body), content_type=JSON)
    if cursor is not None:
        response.headers["Link"] = next_link(limit, cursor)
    return _revalidated(response)


def lines(content: Iterator[bytes]) -> Response:
    """Answer with lines of JSON, as they come; outside of the request's context."""
    response = Response(content, content_type=LINES)
    response.headers["Cache-Control"] = _KEPT_BY_NOBODY
    return response


def _revalidated(response: Response) -> Response:
    response.headers["Cache-Control"] = _REVALIDATED
    response.headers["Vary"] = "Authorization"
    return response
