"""Holds answers, and the requests that were accepted, against the served OpenAPI document."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from werkzeug.exceptions import HTTPException

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.test import TestResponse

DOCUMENT = "/api/v1/openapi.json"
_URI = "urn:document"
_ONE_OBJECT = {"application/json", "application/problem+json"}
_MERGE_PATCH = "application/merge-patch+json"


class Contract:
    """What the document says about every operation."""

    def __init__(self, text: bytes) -> None:
        self._document: dict[str, Any] = orjson.loads(text)
        resource = DRAFT202012.create_resource(self._document)
        self._registry = Registry().with_resource(_URI, resource)
        self._validators: dict[str, Draft202012Validator] = {}

    def require(self, app: Flask, response: TestResponse, sent: Any) -> None:
        """Make sure that a request's answer, and what it sent, are as the document has it."""
        place = _place_of(app, response)
        if place is None:
            return  # There is no such route, which is no operation's answer.
        path, method = place
        operation = self._document["paths"][path][method]
        answers = operation["responses"]
        status = str(response.status_code)
        assert status in answers or "default" in answers, (method, path, status)
        name = status if status in answers else "default"
        answer, pointer = self._resolved(
            answers[name], f"/paths/{_part(path)}/{method}/responses/{name}"
        )
        body = response.get_data()
        self._require_body(answer.get("content"), pointer, response, body)
        if response.is_json and 200 <= response.status_code < 300 and sent is not None:
            self._require_sent(operation, f"/paths/{_part(path)}/{method}", sent)

    def _resolved(self, value: dict[str, Any], pointer: str) -> tuple[dict[str, Any], str]:
        if "$ref" not in value:
            return value, pointer
        pointer = value["$ref"].removeprefix("#")
        found: Any = self._document
        for step in pointer.removeprefix("/").split("/"):
            found = found[step]
        return found, pointer

    def _require_body(
        self, content: dict[str, Any] | None, pointer: str, response: TestResponse, body: bytes
    ) -> None:
        if not content:
            assert not body, (response.request.path, "has a body that nobody was told of")
            return
        if response.status_code == 304:
            return
        kind = response.mimetype
        assert kind in content, (response.request.path, kind)
        if kind in _ONE_OBJECT:
            where = f"{pointer}/content/{_part(kind)}/schema"
            self._validate(where, orjson.loads(body))

    def _require_sent(self, operation: dict[str, Any], pointer: str, sent: Any) -> None:
        content = operation.get("requestBody", {}).get("content", {})
        if content:
            kind = next(iter(content))
            if kind == _MERGE_PATCH:
                sent = _without_nulls(sent)
            self._validate(f"{pointer}/requestBody/content/{_part(kind)}/schema", sent)

    def _validate(self, pointer: str, value: Any) -> None:
        validator = self._validators.get(pointer)
        if validator is None:
            schema = {"$ref": f"{_URI}#{pointer}"}
            validator = Draft202012Validator(schema, registry=self._registry)
            self._validators[pointer] = validator
        problems = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]
        assert not problems, (pointer, problems)


def contract_of(app: Flask) -> Contract:
    """Return the contract of an app's own document."""
    return _contract(app.test_client().get(DOCUMENT).get_data())


@lru_cache(maxsize=4)
def _contract(text: bytes) -> Contract:
    return Contract(text)


def _place_of(app: Flask, response: TestResponse) -> tuple[str, str] | None:
    """Return the path of the document, and the method, that a request was for."""
    request = response.request
    try:
        rule, _ = app.url_map.bind("localhost").match(
            request.path, request.method, return_rule=True
        )
    except HTTPException:
        return None
    path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
    return None if path == DOCUMENT else (path, request.method.lower())


def _without_nulls(patch: Any) -> Any:
    """Return what a merge patch sets: a null takes a member away (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    return {name: _without_nulls(value) for name, value in patch.items() if value is not None}


def _part(text: str) -> str:
    """Write a key as a part of a JSON pointer in a URI's fragment."""
    escaped = text.replace("~", "~0").replace("/", "~1")
    return escaped.replace("%", "%25").replace("{", "%7B").replace("}", "%7D")
