"""A package's status, and where else it is, as its maintainers set them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api_client import ApiClient
from tests.distributions import a_wheel
from tests.npm_wire import a_publish

if TYPE_CHECKING:
    from flask import Flask

    from tests.world import Person, World


@pytest.fixture
def owner(world: World) -> Person:
    owner = world.person("olivia")
    world.organization("acme", owner)
    return owner


@pytest.fixture
def project(app: Flask, owner: Person) -> str:
    answer = app.test_client().post(
        "/o/acme/pypi/legacy/",
        data=a_wheel("My.Pkg", "1.0").form(),
        headers=owner.bearer,
        content_type="multipart/form-data",
    )
    assert answer.status_code == 200
    found: str = ApiClient(app, owner).read("/packages/by-name/pypi/acme/my-pkg")["id"]
    return found


def test_a_status_is_set_and_shown_with_its_reason(app: Flask, owner: Person, project: str) -> None:
    client = ApiClient(app, owner)
    shown = client.read(f"/packages/{project}")
    assert (shown["status"], shown["status_reason"]) == ("active", "")
    change = {"status": "deprecated", "status_reason": "Use other."}
    patched = client.patch(f"/packages/{project}", change)
    assert patched.status_code == 200
    shown = client.read(f"/packages/{project}")
    assert (shown["status"], shown["status_reason"]) == ("deprecated", "Use other.")
    assert shown["latest_version"] == "1.0"


@pytest.mark.parametrize(
    "url", ["", "x", "ftp://a/", "https://a b/", "javascript:x", "https://a", "https://a/\n"]
)
def test_locations_are_addresses(app: Flask, owner: Person, project: str, url: str) -> None:
    answer = ApiClient(app, owner).patch(f"/packages/{project}", {"alternate_locations": [url]})
    assert answer.status_code == 422


def test_other_formats_have_no_status(app: Flask, owner: Person) -> None:
    document = a_publish("@acme/thing", "1.0.0")
    published = app.test_client().put(
        "/o/acme/npm/@acme%2fthing", data=document.body(), headers=owner.bearer
    )
    assert published.status_code == 201
    client = ApiClient(app, owner)
    package = client.read("/packages/by-name/npm/acme/@acme/thing")["id"]
    answer = client.patch(f"/packages/{package}", {"status": "archived"})
    assert answer.status_code == 409
    assert "Deprecate or yank" in answer.get_json()["detail"]
