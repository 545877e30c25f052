"""Owners one at a time, as pnpm 11 changes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

    from tests.acme import Acme
    from tests.integration.protocols.npm.conftest import Npm

PATH = "-/package/@acme%2fthing/owners"


def add(npm: Npm, username: object, path: str = PATH) -> TestResponse:
    return npm.request("PUT", path, json.dumps({"user": username}).encode())


def remove(npm: Npm, username: str) -> TestResponse:
    return npm.request("DELETE", f"{PATH}/{username}")


def owners(npm: Npm) -> list[str]:
    return [one["name"] for one in npm.packument()["maintainers"]]


def test_an_owner_is_added_once_and_taken_away(npm: Npm) -> None:
    npm.published()
    for _ in range(2):
        assert add(npm, "dave").status_code == 200
        assert owners(npm) == ["mallory", "dave"]
    assert remove(npm, "mallory").status_code == 200
    assert owners(npm) == ["dave"]


def test_the_last_owner_stays(npm: Npm) -> None:
    npm.published()
    refused = remove(npm, "mallory")
    assert (refused.status_code, owners(npm)) == (400, ["mallory"])
    assert "at least one owner" in refused.get_json()["error"]


def test_who_is_unknown_is_no_owner(npm: Npm) -> None:
    npm.published()
    assert "nobody-knows" in add(npm, "nobody-knows").get_json()["error"]
    assert add(npm, ["dave"]).status_code == 400
    assert add(npm, "dave", "-/package/@acme%2fnothing/owners").status_code == 404
    assert remove(npm, "dave").status_code == remove(npm, "nobody-knows").status_code == 404
    assert owners(npm) == ["mallory"]


def test_only_maintainers_change_owners(npm: Npm, npm_as: Any, acme: Acme) -> None:
    npm.published()
    refused = {None: 401, acme.outsider: 404, acme.reader: 403, acme.developer: 403}
    for person, status in refused.items():
        assert add(npm_as(person), "dave").status_code == status
        assert remove(npm_as(person), "mallory").status_code == status
    assert owners(npm) == ["mallory"]


def test_collaborators_are_listed_one_by_one_too(npm: Npm) -> None:
    npm.published()
    path = "-/package/@acme%2fthing/collaborators?format=cli"
    everybody = npm.get(path).get_json()
    assert (everybody["mallory"], everybody["rita"]) == ("write", "read")
    assert npm.get(f"{path}&user=rita").get_json() == {"rita": "read"}
    assert npm.get(f"{path}&user=oscar").get_json() == {}
