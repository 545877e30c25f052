from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api_client import ApiClient, pointers_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from tests.world import Person, World

TOMBSTONES = "/organizations/acme/tombstones"


@pytest.fixture
def delete(api: ApiClient, alice: Person, publish: Callable[..., None]) -> Callable[..., str]:
    """Publish a package and delete it: ``delete("@acme/thing", "1.0.0")`` returns its id."""

    def publish_and_delete(name: str, *versions: str) -> str:
        client = api.as_(alice)
        for version in versions or ("1.0.0",):
            publish(name, version)
        package: str = client.read(f"/packages/by-name/npm/acme/{name}")["id"]
        assert client.delete(f"/packages/{package}").status_code == 204
        return package

    return publish_and_delete


def test_an_admin_sees_a_deleted_package_with_its_withdrawn_versions(
    api: ApiClient, alice: Person, admin: Person, acme: str, delete: Callable[..., str]
) -> None:
    package = delete("@acme/thing", "1.0.0", "1.1.0")
    client = api.as_(admin)
    (tombstone,) = client.items(TOMBSTONES)
    assert (tombstone["id"], tombstone["name"]) == (package, "@acme/thing")
    assert (tombstone["protocol"], tombstone["repository"]) == ("npm", "npm")
    assert (tombstone["organization"], tombstone["organization_id"]) == ("acme", acme)
    assert [one["username"] for one in tombstone["owners"]] == [alice.user.username]
    assert tombstone["created_at"] < tombstone["published_at"] < tombstone["deleted_at"]
    assert client.read(f"{TOMBSTONES}/{package}") == tombstone
    versions = client.items(f"{TOMBSTONES}/{package}/versions")
    assert [one["number"] for one in versions] == ["1.1.0", "1.0.0"]
    for version in versions:
        assert version["published_by"]["username"] == alice.user.username
        assert version["published_at"] < version["withdrawn_at"]


def test_what_npm_unpublishes_is_a_tombstone(
    api: ApiClient, app: Flask, alice: Person, publish: Callable[..., None]
) -> None:
    publish("@acme/thing")
    npm = app.test_client()
    packument = npm.get("/o/acme/npm/@acme%2fthing", headers=alice.bearer).get_json()
    gone = npm.delete(f"/o/acme/npm/@acme%2fthing/-rev/{packument['_rev']}", headers=alice.bearer)
    assert gone.status_code in {200, 201}
    assert npm.get("/o/acme/npm/@acme%2fthing", headers=alice.bearer).status_code == 404
    assert [one["name"] for one in api.as_(alice).items(TOMBSTONES)] == ["@acme/thing"]


def test_only_who_administers_the_organization_learns_of_deleted_packages(
    api: ApiClient, people: dict[str, Person | None], delete: Callable[..., str]
) -> None:
    package = delete("@acme/thing")
    never = "6b0770f257876d9d35a17234"

    def answers(path: str) -> dict[str, int]:
        return {who: api.as_(one).get(path).status_code for who, one in people.items()}

    refused = {"nobody": 401, "stranger": 404, "member": 403}
    for path in (TOMBSTONES, f"{TOMBSTONES}/{package}", f"{TOMBSTONES}/{package}/versions"):
        assert answers(path) == {**refused, "admin": 200, "owner": 200, "root": 200}
    # Whether there is such a package makes no difference to the others.
    for path in (f"{TOMBSTONES}/{never}", f"{TOMBSTONES}/{never}/versions"):
        assert answers(path) == {**refused, "admin": 404, "owner": 404, "root": 404}


def test_a_reader_of_the_repository_is_told_nothing_of_what_was_deleted(
    api: ApiClient,
    alice: Person,
    stranger: Person,
    publish: Callable[..., None],
    delete: Callable[..., str],
) -> None:
    delete("@acme/gone")
    publish("@acme/here")
    client = api.as_(alice)
    (repository,) = client.items("/organizations/acme/repositories")
    path = f"/repositories/{repository['id']}/permissions/users/stranger"
    assert client.put(path, {"role": "admin"}).status_code == 200
    reader = api.as_(stranger)
    assert [one["name"] for one in reader.items("/packages")] == ["@acme/here"]
    refusals = {reader.get(TOMBSTONES).status_code, reader.get(f"{TOMBSTONES}/x").status_code}
    assert refusals == {403}
    assert "gone" not in reader.get(TOMBSTONES).get_data(as_text=True)


def test_another_organizations_admin_does_not_find_it(
    api: ApiClient, world: World, bob: Person, root: Person, delete: Callable[..., str]
) -> None:
    package = delete("@acme/thing")
    world.organization("umbrella", bob)
    path = "/organizations/umbrella/tombstones"
    assert api.as_(bob).items(path) == []
    assert api.as_(bob).get(f"{path}/{package}").status_code == 404
    assert api.as_(root).get(f"{path}/{package}/versions").status_code == 404


def test_a_package_that_lives_or_lives_again_is_no_tombstone(
    api: ApiClient, alice: Person, publish: Callable[..., None], delete: Callable[..., str]
) -> None:
    client = api.as_(alice)
    publish("@acme/here")
    package = delete("@acme/thing", "1.0.0")
    assert len(client.items(TOMBSTONES)) == 1
    publish("@acme/thing", "1.0.1")
    assert client.items(TOMBSTONES) == []
    assert client.get(f"{TOMBSTONES}/{package}").status_code == 404
    assert client.delete(f"/packages/{package}").status_code == 204
    versions = client.items(f"{TOMBSTONES}/{package}/versions")
    assert [one["number"] for one in versions] == ["1.0.1", "1.0.0"]


def test_a_tombstone_outlives_its_repository(
    api: ApiClient, alice: Person, delete: Callable[..., str]
) -> None:
    delete("@acme/thing")
    client = api.as_(alice)
    (repository,) = client.items("/organizations/acme/repositories")
    assert client.delete(f"/repositories/{repository['id']}").status_code == 204
    (tombstone,) = client.items(TOMBSTONES)
    assert (tombstone["name"], tombstone["repository"]) == ("@acme/thing", "")
    assert tombstone["repository_id"] == repository["id"]


def test_tombstones_are_listed_by_name_a_page_at_a_time(
    api: ApiClient, alice: Person, delete: Callable[..., str]
) -> None:
    for name in ("gamma", "alpha", "beta"):
        delete(f"@acme/{name}")
    client = api.as_(alice)
    first = client.read(f"{TOMBSTONES}?limit=2&protocol=npm")
    rest = client.read(f"{TOMBSTONES}?limit=2&protocol=npm&cursor={first['next_cursor']}")
    found = [one["name"] for page in (first, rest) for one in page["items"]]
    assert found == ["@acme/alpha", "@acme/beta", "@acme/gamma"]
    assert rest["next_cursor"] is None
    assert client.items(f"{TOMBSTONES}?protocol=pypi") == []
    assert pointers_of(client.get(f"{TOMBSTONES}?colour=red")) == {"/colour"}
