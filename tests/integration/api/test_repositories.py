from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.models import Visibility
from tests.api_client import ApiClient, pointers_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.world import Person, World

REPOSITORIES = "/organizations/acme/repositories"


def test_a_repository_is_made_changed_and_deleted(
    api: ApiClient, alice: Person, acme: str, recorded: Callable[[str], list[dict[str, Any]]]
) -> None:
    client = api.as_(alice)
    made = client.made(
        REPOSITORIES,
        {"name": "web", "protocol": "npm", "kind": "hosted", "visibility": "internal"},
    )
    assert (made["organization"], made["organization_id"]) == ("acme", acme)
    path = f"/repositories/{made['id']}"
    assert client.read(path) == made
    patched = client.patch(
        path, {"visibility": "public", "settings": {"max_file_bytes": 1000}}
    ).get_json()
    assert (patched["visibility"], patched["settings"]["max_file_bytes"]) == ("public", 1000)
    replaced = client.put(path, {"name": "site", "visibility": "private"}).get_json()
    assert (replaced["name"], replaced["visibility"]) == ("site", "private")
    assert replaced["settings"]["max_file_bytes"] == 1000
    assert client.delete(path).status_code == 204
    assert client.delete(path).status_code == 404
    done = [
        recorded(f"repository.{verb}")[-1]["repository"] for verb in ("create", "update", "delete")
    ]
    assert done == ["web", "site", "site"]


@pytest.mark.usefixtures("acme")
def test_visibility_is_the_organizations_default_where_it_is_not_given(
    api: ApiClient, alice: Person
) -> None:
    client = api.as_(alice)
    client.patch("/organizations/acme", {"settings": {"default_visibility": "internal"}})
    made = client.made(REPOSITORIES, {"name": "web", "protocol": "npm"})
    assert (made["visibility"], made["kind"]) == ("internal", "hosted")


@pytest.mark.usefixtures("acme")
def test_what_cannot_be_made_is_refused_at_its_field(api: ApiClient, alice: Person) -> None:
    client = api.as_(alice)

    def refused(**fields: Any) -> set[str]:
        body = {"name": "web", "protocol": "npm", "visibility": "private", **fields}
        return pointers_of(client.post(REPOSITORIES, body))

    assert refused(protocol="nope") == {"/protocol"}
    assert refused(kind="proxy") == {"/kind"}
    assert "/kind" in refused(kind="proxy", upstream={"url": "https://upstream.test/"})
    assert refused(kind="mirror") == {"/kind"}
    assert refused(name="No Slug") == {"/name"}
    assert refused(visibility="secret") == {"/visibility"}
    assert refused(settings={"max_file_bytes": 0}) == {"/settings/max_file_bytes"}
    assert refused(members=["x"]) == {"/members"}
    assert refused(colour="red") == {"/colour"}
    assert client.items(REPOSITORIES) == []


@pytest.mark.usefixtures("acme")
def test_a_name_is_taken_once_in_an_organization(api: ApiClient, alice: Person) -> None:
    client = api.as_(alice)
    client.made(REPOSITORIES, {"name": "web", "protocol": "npm"})
    assert client.post(REPOSITORIES, {"name": "web", "protocol": "npm"}).status_code == 409
    other = client.made(REPOSITORIES, {"name": "api", "protocol": "npm"})
    assert client.patch(f"/repositories/{other['id']}", {"name": "web"}).status_code == 409


@pytest.mark.usefixtures("acme")
def test_protocol_and_kind_stay(api: ApiClient, world: World, alice: Person) -> None:
    path = f"/repositories/{world.repository('acme', alice, 'web')}"
    client = api.as_(alice)
    assert client.patch(path, {"protocol": "npm", "kind": "hosted"}).status_code == 200
    response = client.patch(path, {"protocol": "pypi", "kind": "group"})
    assert pointers_of(response) == {"/protocol", "/kind"}


@pytest.mark.usefixtures("acme")
def test_a_group_has_members_of_its_own_organization(
    api: ApiClient, world: World, alice: Person, bob: Person
) -> None:
    one, two = (world.repository("acme", alice, name) for name in ("one", "two"))
    world.organization("emca", bob)
    foreign = world.repository("emca", bob, "theirs", visibility=Visibility.PUBLIC)
    client = api.as_(alice)
    group = {"name": "all", "protocol": "npm", "kind": "group", "visibility": "private"}
    made = client.made(REPOSITORIES, {**group, "members": [two, one]})
    assert made["members"] == [two, one]
    path = f"/repositories/{made['id']}"
    wrong = client.patch(path, {"members": [one, foreign, one, made["id"], "x"]})
    assert pointers_of(wrong) == {"/members/1", "/members/2", "/members/3", "/members/4"}
    assert client.delete(f"/repositories/{two}").status_code == 204
    assert client.read(path)["members"] == [one]


def test_lists_show_what_one_may_read(
    api: ApiClient, world: World, alice: Person, member: Person, stranger: Person
) -> None:
    for name, visibility in (
        ("open", Visibility.PUBLIC),
        ("house", Visibility.INTERNAL),
        ("own", Visibility.PRIVATE),
    ):
        world.repository("acme", alice, name, visibility=visibility)

    def names(person: Person | None) -> list[str]:
        return [one["name"] for one in api.as_(person).items(REPOSITORIES)]

    assert names(None) == ["open"]
    assert names(stranger) == names(member) == ["house", "open"]
    assert names(alice) == ["house", "open", "own"]


def test_a_repository_with_packages_is_deleted_only_with_them(
    api: ApiClient,
    alice: Person,
    publish: Callable[..., None],
    work: Callable[[], None],
    recorded: Callable[[str], list[dict[str, Any]]],
) -> None:
    for name in ("@acme/one", "@acme/two"):
        publish(name)
    client = api.as_(alice)
    (repository,) = client.items(REPOSITORIES)
    path = f"/repositories/{repository['id']}"
    refused = client.delete(path)
    assert refused.status_code == 409
    assert "cascade" in refused.get_json()["detail"]
    begun = client.delete(f"{path}?cascade=true")
    assert begun.status_code == 202
    work()
    job = client.read(begun.headers["Location"])
    assert (job["state"], job["progress"]) == ("succeeded", {"done": 2, "total": 2})
    assert client.items("/packages") == []
    assert client.get(path).status_code == 404
    deleted = {one["resource"]["name"] for one in recorded("package.delete")}
    assert deleted == {"@acme/one", "@acme/two"}


def test_who_may_do_what_with_a_private_repository(
    api: ApiClient, world: World, people: dict[str, Person | None], alice: Person
) -> None:
    path = f"/repositories/{world.repository('acme', alice, 'web')}"
    asked = {
        "read": lambda client, _who: client.get(path),
        "change": lambda client, who: client.patch(path, {"description": who}),
        "create": lambda client, who: client.post(REPOSITORIES, {"name": who, "protocol": "npm"}),
        "delete": lambda client, _who: client.delete(path),
    }
    answers = {
        name: [ask(api.as_(person), who).status_code for who, person in people.items()]
        for name, ask in asked.items()
    }
    assert answers == {
        "read": [401, 404, 404, 200, 200, 200],
        "change": [401, 404, 404, 200, 200, 200],
        "create": [401, 404, 403, 201, 201, 201],
        "delete": [401, 404, 404, 204, 404, 404],
    }
