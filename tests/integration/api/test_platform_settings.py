"""``/admin/settings``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.api_client import code_of, pointers_of
from tests.npm_wire import a_publish

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from tests.api_client import ApiClient
    from tests.world import Person

SETTINGS = "/admin/settings"


def test_they_are_for_platform_admins(api: ApiClient, people: dict[str, Person | None]) -> None:
    expected = {
        **dict.fromkeys(("stranger", "member", "admin", "owner"), 403),
        "nobody": 401,
        "root": 200,
    }
    patch = {"only_admins_create_organizations": False}
    for send in (
        lambda client: client.get(SETTINGS),
        lambda client: client.patch(SETTINGS, patch),
    ):
        found = {who: send(api.as_(one)).status_code for who, one in people.items()}
        assert found == expected


def test_they_hold_at_once(
    api: ApiClient,
    root: Person,
    alice: Person,
    recorded: Callable[[str], list[dict[str, Any]]],
) -> None:
    client = api.as_(root)
    before = client.read(SETTINGS)
    assert before == {"only_admins_create_organizations": False, "default_organization": ""}
    changed = client.patch(SETTINGS, {"only_admins_create_organizations": True})
    assert changed.get_json() == {**before, "only_admins_create_organizations": True}
    assert code_of(api.as_(alice).post("/organizations", {"slug": "acme"})) == "forbidden"
    assert client.put(SETTINGS, before).get_json() == before
    assert api.as_(alice).post("/organizations", {"slug": "acme"}).status_code == 201
    events = recorded("settings.update")
    assert [one["details"] for one in events] == [
        {"only_admins_create_organizations": True},
        {"only_admins_create_organizations": False},
    ]


def test_the_default_organization_takes_flat_names(
    api: ApiClient, app: Flask, root: Person, acme: str
) -> None:
    del acme
    client = api.as_(root)
    assert pointers_of(client.patch(SETTINGS, {"default_organization": "nobody"})) == {
        "/default_organization"
    }
    assert client.read(SETTINGS)["default_organization"] == ""
    set_to = client.patch(SETTINGS, {"default_organization": "acme"}).get_json()
    assert set_to["default_organization"] == "acme"

    document = a_publish("flat", "1.0.0")
    made = app.test_client().put("/flat", data=document.body(), headers=root.bearer)
    assert made.status_code == 201, made.get_data()
    assert client.read("/packages/by-name/npm/acme/flat")["name"] == "flat"


def test_a_change_is_made_to_what_its_maker_has_seen(api: ApiClient, root: Person) -> None:
    client = api.as_(root)
    etag = client.get(SETTINGS).headers["ETag"]
    assert client.get(SETTINGS, headers={"If-None-Match": etag}).status_code == 304
    yes = {"only_admins_create_organizations": True}
    assert client.patch(SETTINGS, yes, headers={"If-Match": etag}).status_code == 200
    refused = client.patch(SETTINGS, yes, headers={"If-Match": etag})
    assert code_of(refused) == "precondition_failed"


def test_what_is_missing_or_unknown_is_refused(api: ApiClient, root: Person) -> None:
    client = api.as_(root)
    assert pointers_of(client.put(SETTINGS, {"default_organization": ""})) == {
        "/only_admins_create_organizations"
    }
    assert pointers_of(client.patch(SETTINGS, {"colour": "red"})) == {"/colour"}
