"""Read what a request carries into checked values, in flask-smorest's way."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import orjson
from flask import Request
from marshmallow import Schema, ValidationError
from webargs.core import missing
from webargs.flaskparser import FlaskParser, is_json_request

from app.errors import InvalidInput, UnprocessableInput, UnsupportedMediaType

LARGEST_BODY_BYTES = 1024 * 1024

Json = Any  # any JSON value
_SCHEMA = "_schema"  # marshmallow's name for what is wrong with an object as a whole


class Parser(FlaskParser):
    """Reads JSON bodies and query parameters; whatever is wrong becomes our own error.

    Unknown fields and parameters are refused, by the schema's own ``unknown``.
    """

    def __init__(self) -> None:
        super().__init__(unknown=None)

    def _raw_load_json(self, req: Request) -> Json:
        return read_json(req, default=missing)

    def handle_error(  # noqa: D102  webargs calls it
        self,
        error: ValidationError,
        req: Request,
        schema: Schema,
        *,
        error_status_code: int | None,
        error_headers: Mapping[str, str] | None,
    ) -> NoReturn:
        del req, schema, error_status_code, error_headers
        # webargs puts the place of the values (json, query) around the messages.
        messages = next(iter(error.messages_dict.values()))
        raise unprocessable(messages) from error


def read_json(request: Request, *, default: Json) -> Json:
    """Read a request's JSON body; ``default`` where there is none.

    Raises:
        UnsupportedMediaType: it says that it is something else.
        InvalidInput: it is not JSON.
        TooLarge: it is larger than any body of this API.
    """
    body = read_body(request)
    if not body:
        return default
    if request.mimetype and not is_json_request(request):
        raise UnsupportedMediaType("Send JSON, with Content-Type: application/json.")
    try:
        return orjson.loads(body)
    except json.JSONDecodeError as error:
        raise InvalidInput(f"The request body is not JSON: {error.msg}.") from error


def read_body(request: Request) -> bytes:
    """Read a request's body, which stays readable, within this API's limit."""
    request.max_content_length = LARGEST_BODY_BYTES
    return request.get_data(cache=True)


def require_no_query(request: Request) -> None:
    """Refuse query parameters where none is known.

    Raises:
        UnprocessableInput: there are some.
    """
    if request.args:
        raise unprocessable(dict.fromkeys(request.args, "Unknown field."))


def unprocessable(messages: Any) -> UnprocessableInput:  # noqa: ANN401  marshmallow's tree
    """Return marshmallow's messages as our error, with a JSON pointer for each."""
    return UnprocessableInput(
        "Some values are not acceptable; `errors` says which and why.",
        dict(_pointers(messages, "")),
    )


def _pointers(messages: Any, pointer: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401  as above
    if not isinstance(messages, dict):
        texts = messages if isinstance(messages, list) else [messages]
        yield pointer, " ".join(str(text) for text in texts)
        return
    for name, inner in messages.items():
        if name == _SCHEMA:
            yield from _pointers(inner, pointer)
        else:
            escaped = str(name).replace("~", "~0").replace("/", "~1")  # RFC 6901
            yield from _pointers(inner, f"{pointer}/{escaped}")
