"""The OpenAPI document is complete, and what it leads to never fails."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from tests.api_client import BASE, ApiClient, smallest_body

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from tests.world import Person


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield method, path.removeprefix(BASE), operation


@pytest.fixture
def document(api: ApiClient) -> dict[str, Any]:
    return api.read("/openapi.json")


def test_the_document_describes_every_route(app: Flask, document: dict[str, Any]) -> None:
    routes = {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule).removeprefix(BASE))
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if rule.rule.startswith(BASE) and method not in {"HEAD", "OPTIONS"}
    }
    described = {(method, path) for method, path, _ in operations(document)}
    assert routes - described == {("get", "/openapi.json")}
    assert document["openapi"] == "3.1.0"


def test_every_reference_in_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if "$ref" in value:
                yield value["$ref"]
            for inner in value.values():
                yield from references(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from references(inner)

    for reference in set(references(document)):
        target = document
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]
        assert target


def test_every_operation_says_what_it_does_and_how_it_refuses(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    for status, answer in document["components"]["responses"].items():
        expected = "text/plain" if status == "REQUEST_URI_TOO_LONG" else "application/problem+json"
        assert list(answer["content"]) == [expected]
    for method, path, operation in operations(document):
        assert operation["summary"].endswith("."), (method, path)
        answers = operation["responses"]
        assert {"400", "401", "403", "422", "429", "503"} <= answers.keys()
        assert "default" not in answers
        assert ("404" in answers) == ("{" in path), (method, path)
        assert ("412" in answers) == (method in {"put", "patch", "delete"}), (method, path)
        if method == "post":
            assert "409" in answers, path
        assert any(status.startswith("2") for status in operation["responses"]), (method, path)
        asked = re.findall(r"\{(\w+)\}", path)
        described = document["paths"][BASE + path].get("parameters", [])
        assert sorted(asked) == sorted(one["name"] for one in described)


def test_a_patch_may_leave_anything_out_and_a_put_may_not(document: dict[str, Any]) -> None:
    item = document["paths"][f"{BASE}/repositories/{{repository}}"]
    schemas = document["components"]["schemas"]

    def required(method: str) -> list[str]:
        (content, *_) = item[method]["requestBody"]["content"].values()
        found: list[str] = schemas[content["schema"]["$ref"].rpartition("/")[2]].get("required", [])
        return found

    assert required("put") == ["name", "visibility"]
    assert required("patch") == []
    assert "application/merge-patch+json" in item["patch"]["requestBody"]["content"]


def test_no_operation_fails_on_what_is_not_there(
    api: ApiClient, document: dict[str, Any], root: Person
) -> None:
    client = api.as_(root)
    for method, path, _ in operations(document):
        if "{" not in path:
            continue
        for name in ("6b0770f257876d9d35a17234", "nothing", "%00", "a%2fb", "%F0%9F%9A%80"):
            filled = re.sub(r"\{\w+\}", name, path)
            response = client.send(method.upper(), filled, smallest_body(document, method, path))
            assert response.status_code == 404, (method, filled, response.status_code)


def test_people_read_the_document_and_every_error_code_as_a_page(
    app: Flask, document: dict[str, Any]
) -> None:
    response = app.test_client().get("/api/docs", headers={"Authorization": "Bearer srg_wrong"})
    page = response.get_data(as_text=True)
    assert response.status_code == 200
    anchors = re.findall(r'id="([^"]+)"', page)
    assert len(anchors) == len(set(anchors))
    links = {link.removeprefix("#") for link in re.findall(r'href="(#[^"]+)"', page)}
    assert links <= set(anchors)
    for _, _, operation in operations(document):
        assert operation["operationId"] in anchors
    for code in ("validation_failed", "not_found", "idempotency_key_reused", "precondition_failed"):
        assert f"error-{code}" in anchors


def test_every_plain_member_has_an_example_that_its_schema_accepts(
    document: dict[str, Any],
) -> None:
    without = set()
    for name, schema in document["components"]["schemas"].items():
        for member, described in schema.get("properties", {}).items():
            plain = "type" in described and "enum" not in described
            if plain and "$ref" not in described.get("items", {}):
                if "examples" not in described:
                    without.add((name, member))
                    continue
                (example,) = described["examples"]
                problems = [
                    one.message for one in Draft202012Validator(described).iter_errors(example)
                ]
                assert not problems, (name, member, problems)
    assert not without


def test_an_answer_names_the_codes_that_go_with_it(document: dict[str, Any]) -> None:
    answers = document["components"]["responses"]
    assert "`not_found`" in answers["NOT_FOUND"]["description"]
    assert "`validation_failed`" in answers["UNPROCESSABLE_ENTITY"]["description"]
    assert "Retry-After" in answers["TOO_MANY_REQUESTS"]["headers"]
    assert "WWW-Authenticate" in answers["UNAUTHORIZED"]["headers"]
