"""A small client of the management API over the app's own test client.

It is driven by the served OpenAPI document: an answer that the document does not tell of, or a body
that it would not accept and the API did, fails the test that asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.api_contract import contract_of

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.test import TestResponse

    from tests.world import Person

BASE = "/api/v1"


class ApiClient:
    """Sends JSON as one person, or as nobody; paths are below ``/api/v1``."""

    def __init__(self, app: Flask, person: Person | None = None) -> None:
        self._app = app
        self._headers = {} if person is None else person.bearer

    def as_(self, person: Person | None) -> ApiClient:
        """Return a client that speaks for somebody else."""
        return ApiClient(self._app, person)

    def send(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> TestResponse:
        """Send one request; ``json`` of ``None`` sends no body."""
        if json is not None:
            more["json"] = json
        response = self._app.test_client().open(
            path if path.startswith(BASE) else BASE + path,
            method=method,
            headers={**self._headers, **(headers or {})},
            **more,
        )
        contract_of(self._app).require(self._app, response, json)
        return response

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.send("GET", path, **more)

    def post(self, path: str, json: Any = None, **more: Any) -> TestResponse:
        return self.send("POST", path, json, **more)

    def put(self, path: str, json: Any = None, **more: Any) -> TestResponse:
        return self.send("PUT", path, json, **more)

    def patch(self, path: str, json: Any = None, **more: Any) -> TestResponse:
        return self.send("PATCH", path, json, **more)

    def delete(self, path: str, **more: Any) -> TestResponse:
        return self.send("DELETE", path, **more)

    def made(self, path: str, json: Any) -> dict[str, Any]:
        """Make something and return it."""
        response = self.post(path, json)
        assert response.status_code == 201, response.get_data(as_text=True)
        return response.get_json()

    def read(self, path: str) -> dict[str, Any]:
        """Read something that is there."""
        response = self.get(path)
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.get_json()

    def items(self, path: str) -> list[dict[str, Any]]:
        """Read the first page of a list."""
        return self.read(path)["items"]


def code_of(response: TestResponse) -> str:
    """Return the stable code of a refusal."""
    assert response.content_type == "application/problem+json", response.get_data(as_text=True)
    found: str = response.get_json()["code"]
    return found


def pointers_of(response: TestResponse) -> set[str]:
    """Return which values were not acceptable."""
    assert response.status_code == 422, response.get_data(as_text=True)
    return {one["pointer"] for one in response.get_json()["errors"]}


def smallest_body(document: dict[str, Any], method: str, path: str) -> Any:
    """Return a body that an operation's schema accepts."""
    operation = document["paths"][BASE + path][method]
    if "requestBody" not in operation:
        return None
    (content, *_) = operation["requestBody"]["content"].values()
    return _example(document, content["schema"])


def _example(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _example(document, document["components"]["schemas"][name])
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        required = schema.get("required", [])
        return {name: _example(document, schema["properties"][name]) for name in required}
    return {"boolean": False, "integer": 1, "array": []}.get(
        schema.get("type", ""), "6b0770f257876d9d35a17234"
    )
