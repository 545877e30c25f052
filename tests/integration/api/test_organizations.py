from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.models import Visibility
from tests.api_client import ApiClient, code_of, pointers_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.world import Person, World


def test_whoever_creates_an_organization_owns_it(
    api: ApiClient, alice: Person, recorded: Callable[[str], list[dict[str, Any]]]
) -> None:
    response = api.as_(alice).post(
        "/organizations", {"slug": "acme", "display_name": "Acme", "description": "Rockets"}
    )
    made = response.get_json()
    assert response.status_code == 201
    assert response.headers["Location"] == "/api/v1/organizations/acme"
    assert made["slug"] == "acme"
    assert made["created_at"].endswith("Z")
    assert made["settings"]["default_visibility"] == "private"
    members = api.as_(alice).items("/organizations/acme/members")
    assert [(one["user"]["username"], one["role"]) for one in members] == [("alice", "owner")]
    assert recorded("organization.create")[0]["resource"]["name"] == "acme"


def test_an_organization_is_found_by_id_and_by_slug(
    api: ApiClient, alice: Person, acme: str
) -> None:
    client = api.as_(alice)
    assert client.read(f"/organizations/{acme}") == client.read("/organizations/acme")


def test_a_slug_that_no_client_could_use_is_refused(api: ApiClient, alice: Person) -> None:
    wrong = ["", "Acme", "-acme", "acme-", "a--b", "a" * 65, "npm", "api", "library", "v2", "a b"]
    for slug in wrong:
        assert pointers_of(api.as_(alice).post("/organizations", {"slug": slug})) == {"/slug"}


@pytest.mark.usefixtures("acme")
def test_a_slug_that_is_taken_is_a_conflict(api: ApiClient, bob: Person) -> None:
    response = api.as_(bob).post("/organizations", {"slug": "acme"})
    assert response.status_code == 409
    assert code_of(response) == "conflict"


def test_an_unknown_member_of_the_body_is_refused(api: ApiClient, alice: Person) -> None:
    response = api.as_(alice).post("/organizations", {"slug": "acme", "plan": "gold"})
    assert pointers_of(response) == {"/plan"}


def test_nobody_creates_an_organization_without_signing_in(api: ApiClient) -> None:
    response = api.post("/organizations", {"slug": "acme"})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="Packhouse"'


def test_only_platform_admins_create_where_the_platform_says_so(
    api: ApiClient,
    world: World,
    alice: Person,
    root: Person,
    recorded: Callable[[str], list[dict[str, Any]]],
) -> None:
    world.only_admins_create_organizations()
    assert api.as_(alice).post("/organizations", {"slug": "acme"}).status_code == 403
    assert api.as_(root).post("/organizations", {"slug": "acme"}).status_code == 201
    assert recorded("access.denied")[0]["actor"]["name"] == "alice"


def test_put_replaces_and_keeps_the_settings_that_are_not_given(
    api: ApiClient, alice: Person, acme: str
) -> None:
    client = api.as_(alice)
    client.patch("/organizations/acme", {"settings": {"default_visibility": "internal"}})
    response = client.put("/organizations/acme", {"slug": "acme", "display_name": "Acme Inc"})
    replaced = response.get_json()
    assert response.status_code == 200
    assert (replaced["display_name"], replaced["description"]) == ("Acme Inc", "")
    assert replaced["settings"]["default_visibility"] == "internal"
    assert replaced["id"] == acme


@pytest.mark.usefixtures("acme")
def test_put_without_the_slug_is_refused(api: ApiClient, alice: Person) -> None:
    assert pointers_of(api.as_(alice).put("/organizations/acme", {"display_name": "x"})) == {
        "/slug"
    }


def test_patch_is_a_merge_patch(api: ApiClient, alice: Person, acme: str) -> None:
    client = api.as_(alice)
    settings = {"default_visibility": "public", "quota_bytes": 5, "reserved_names": {"npm": ["a"]}}
    client.put(f"/organizations/{acme}", {"slug": "acme", "settings": settings})
    response = client.patch(
        "/organizations/acme",
        {"description": "Rockets", "settings": {"quota_bytes": None}},
        headers={"Content-Type": "application/merge-patch+json"},
    )
    patched = response.get_json()
    assert response.status_code == 200
    assert patched["description"] == "Rockets"
    assert patched["settings"] == {**settings, "quota_bytes": None, "namespaces": {}}


@pytest.mark.usefixtures("acme")
def test_a_patch_of_what_is_not_there_is_refused(api: ApiClient, alice: Person) -> None:
    client = api.as_(alice)
    assert pointers_of(client.patch("/organizations/acme", {"plan": 1})) == {"/plan"}
    assert pointers_of(client.patch("/organizations/acme", {"slug": None})) == {"/slug"}
    assert pointers_of(
        client.patch("/organizations/acme", {"settings": {"quota_bytes": "many"}})
    ) == {"/settings/quota_bytes"}


def test_an_organization_keeps_its_namespaces_under_a_new_slug(
    api: ApiClient, alice: Person, bob: Person, acme: str
) -> None:
    renamed = api.as_(alice).patch("/organizations/acme", {"slug": "acme-inc"})
    assert renamed.get_json()["slug"] == "acme-inc"
    assert api.as_(alice).get("/organizations/acme").status_code == 404
    assert api.as_(alice).read("/organizations/acme-inc")["id"] == acme
    assert api.as_(bob).post("/organizations", {"slug": "acme"}).status_code == 409
    assert api.as_(bob).post("/organizations", {"slug": "acme-inc"}).status_code == 409


@pytest.mark.usefixtures("acme")
def test_a_namespace_has_one_holder(
    api: ApiClient, world: World, alice: Person, bob: Person
) -> None:
    world.organization("emca", bob)
    claim = {"settings": {"namespaces": {"npm": ["rockets"], "maven": ["org.acme"]}}}
    assert api.as_(alice).patch("/organizations/acme", claim).status_code == 200
    assert api.as_(bob).patch("/organizations/emca", claim).status_code == 409
    assert api.as_(bob).post("/organizations", {"slug": "rockets"}).status_code == 409
    released = api.as_(alice).patch("/organizations/acme", {"settings": {"namespaces": None}})
    assert released.get_json()["settings"]["namespaces"] == {}
    assert api.as_(bob).patch("/organizations/emca", claim).status_code == 200


@pytest.mark.usefixtures("acme")
def test_what_is_no_namespace_is_refused_where_it_stands(api: ApiClient, alice: Person) -> None:
    client = api.as_(alice)
    npm = {"settings": {"namespaces": {"npm": ["good", "@bad"]}}}
    assert pointers_of(client.patch("/organizations/acme", npm)) == {"/settings/namespaces/npm/1"}
    other = {"settings": {"namespaces": {"cargo": ["x"]}}}
    assert pointers_of(client.patch("/organizations/acme", other)) == {"/settings/namespaces/cargo"}
    wrong = {"settings": {"namespaces": {"npm": [1]}}}
    assert pointers_of(client.patch("/organizations/acme", wrong)) == {"/settings/namespaces/npm/0"}


@pytest.mark.usefixtures("acme")
def test_lists_show_what_one_may_know_of(
    api: ApiClient, world: World, alice: Person, bob: Person, root: Person
) -> None:
    world.organization("hidden", bob)
    world.organization("shown", bob)
    world.repository("shown", bob, "npm-public", visibility=Visibility.PUBLIC)

    def slugs(client: ApiClient) -> list[str]:
        return [one["slug"] for one in client.items("/organizations")]

    assert slugs(api) == ["shown"]
    assert slugs(api.as_(alice)) == ["acme", "shown"]
    assert slugs(api.as_(root)) == ["acme", "hidden", "shown"]


@pytest.mark.usefixtures("acme")
def test_settings_are_for_those_inside(
    api: ApiClient, world: World, alice: Person, stranger: Person
) -> None:
    world.repository("acme", alice, "npm-public", visibility=Visibility.PUBLIC)
    assert api.as_(alice).read("/organizations/acme")["settings"] is not None
    assert api.as_(stranger).read("/organizations/acme")["settings"] is None
    assert api.read("/organizations/acme")["settings"] is None


def test_an_organization_with_repositories_is_deleted_only_with_them(
    api: ApiClient, world: World, alice: Person, acme: str
) -> None:
    repository = world.repository("acme", alice, "web")
    client = api.as_(alice)
    assert client.delete("/organizations/acme").status_code == 409
    assert client.delete("/organizations/acme?cascade=true").status_code == 204
    assert client.get(f"/organizations/{acme}").status_code == 404
    assert client.get(f"/repositories/{repository}").status_code == 404
    assert client.delete("/organizations/acme").status_code == 404


@pytest.mark.usefixtures("acme")
def test_the_names_of_an_organization_that_published_nothing_are_free_again(
    api: ApiClient, alice: Person, bob: Person
) -> None:
    assert api.as_(alice).delete("/organizations/acme").status_code == 204
    assert api.as_(bob).post("/organizations", {"slug": "acme"}).status_code == 201


@pytest.mark.usefixtures("acme")
def test_who_changes_an_organization(api: ApiClient, people: dict[str, Person | None]) -> None:
    change = {"description": "mine"}
    answers = {
        who: api.as_(person).patch("/organizations/acme", change).status_code
        for who, person in people.items()
    }
    assert answers == {
        "nobody": 401,
        "stranger": 404,
        "member": 403,
        "admin": 200,
        "owner": 200,
        "root": 200,
    }


@pytest.mark.usefixtures("acme")
def test_who_deletes_an_organization(api: ApiClient, people: dict[str, Person | None]) -> None:
    answers = {
        who: api.as_(person).delete("/organizations/acme").status_code
        for who, person in people.items()
    }
    assert answers == {
        "nobody": 401,
        "stranger": 404,
        "member": 403,
        "admin": 403,
        "owner": 204,
        "root": 404,  # It is gone.
    }
