"""Parameters as gem sends them: a form in the body, also of a DELETE."""

from __future__ import annotations

from urllib.parse import parse_qs

from flask import request

from app.errors import InvalidInput
from app.registry.bodies import Body

_LARGEST_BYTES = 64 * 1024
_MOST_FIELDS = 100


def read_parameters() -> dict[str, str]:
    """Read the parameters of the request; those of the query string count as well.

    Raises:
        InvalidInput: the body is no form.
        TooLarge: it is far larger than any.
    """
    body = Body(request, limit_bytes=_LARGEST_BYTES).read()
    try:
        sent = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise InvalidInput("The body is no form.") from error
    return {**request.args.to_dict(), **{name: values[-1] for name, values in sent.items()}}
