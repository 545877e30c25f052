"""Small answers: a sentence that gem prints, JSON for tools."""

from __future__ import annotations

import orjson
from flask import Response


def text_response(sentence: str) -> Response:
    """Answer with text exactly as it is: gem prints it, or keeps it as its key."""
    response = Response(sentence, content_type="text/plain; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    return response


def json_response(value: object) -> Response:
    """Answer with JSON about what one caller may see, at one moment."""
    response = Response(orjson.dumps(value), content_type="application/json; charset=utf-8")
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Authorization"
    return response


def yaml_response(text: str) -> Response:
    """Answer with YAML."""
    response = Response(text, content_type="text/yaml; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    return response
