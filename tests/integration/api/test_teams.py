from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api_client import ApiClient, pointers_of

if TYPE_CHECKING:
    from tests.world import Person, World

TEAMS = "/organizations/acme/teams"


def test_a_team_is_made_changed_and_deleted(api: ApiClient, alice: Person, acme: str) -> None:
    client = api.as_(alice)
    made = client.made(TEAMS, {"slug": "dev", "display_name": "Developers"})
    assert (made["organization"], made["organization_id"]) == ("acme", acme)
    path = f"/teams/{made['id']}"
    assert client.read(path) == made
    assert client.patch(path, {"display_name": None}).get_json()["display_name"] == ""
    replaced = client.put(path, {"slug": "devs", "description": "x"}).get_json()
    assert (replaced["slug"], replaced["description"]) == ("devs", "x")
    assert [one["slug"] for one in client.items(TEAMS)] == ["devs"]
    assert client.delete(path).status_code == 204
    assert client.delete(path).status_code == 404
    assert client.items(TEAMS) == []


@pytest.mark.usefixtures("acme")
def test_a_slug_is_taken_once_in_an_organization(
    api: ApiClient, world: World, alice: Person, bob: Person
) -> None:
    world.organization("emca", bob)
    api.as_(alice).made(TEAMS, {"slug": "dev"})
    assert api.as_(alice).post(TEAMS, {"slug": "dev"}).status_code == 409
    assert pointers_of(api.as_(alice).post(TEAMS, {"slug": "No Slug"})) == {"/slug"}
    api.as_(bob).made("/organizations/emca/teams", {"slug": "dev"})


def test_a_team_is_made_of_members_of_the_organization(
    api: ApiClient, alice: Person, member: Person, stranger: Person
) -> None:
    client, name = api.as_(alice), member.user.username
    team = client.made(TEAMS, {"slug": "dev"})["id"]
    path = f"/teams/{team}/members"
    assert pointers_of(client.post(path, {"user": stranger.user.username})) == {"/user"}
    assert client.made(path, {"user": name})["role"] == "member"
    assert client.post(path, {"user": name}).status_code == 409
    assert client.put(f"{path}/{name}", {"role": "maintainer"}).get_json()["role"] == "maintainer"
    assert client.read(f"{path}/{name}")["role"] == "maintainer"
    assert [one["user"]["username"] for one in client.items(path)] == [name]
    assert api.as_(member).delete(f"{path}/{name}").status_code == 204
    assert client.delete(f"{path}/{name}").status_code == 404


@pytest.mark.usefixtures("acme")
def test_a_team_role_opens_repositories_and_a_grant_may_lower_it(
    api: ApiClient, world: World, alice: Person, member: Person
) -> None:
    client, name = api.as_(alice), member.user.username
    repository = world.repository("acme", alice, "web")
    team = client.made(TEAMS, {"slug": "dev"})["id"]
    client.made(f"/teams/{team}/members", {"user": name, "role": "maintainer"})

    def role() -> str:
        found: str = client.read(f"/repositories/{repository}/permissions/effective?user={name}")[
            "role"
        ]
        return found

    assert role() == "none"
    assert client.put(f"/teams/{team}/repositories/web").get_json()["role"] is None
    assert role() == "maintainer"
    client.put(f"/teams/{team}/repositories/{repository}", {"role": "reader"})
    assert role() == "reader"
    granted = client.items(f"/teams/{team}/repositories")
    assert [(one["id"], one["name"], one["role"]) for one in granted] == [
        (repository, "web", "reader")
    ]
    assert client.delete(f"/teams/{team}/repositories/web").status_code == 204
    assert client.delete(f"/teams/{team}/repositories/web").status_code == 404
    assert role() == "none"


@pytest.mark.usefixtures("acme")
def test_a_deleted_team_grants_nothing(
    api: ApiClient, world: World, alice: Person, member: Person
) -> None:
    client = api.as_(alice)
    repository = world.repository("acme", alice, "web")
    team = client.made(TEAMS, {"slug": "dev"})["id"]
    client.made(f"/teams/{team}/members", {"user": member.user.username})
    client.put(f"/repositories/{repository}/permissions/teams/dev", {})
    assert api.as_(member).get(f"/repositories/{repository}").status_code == 200
    assert client.delete(f"/teams/{team}").status_code == 204
    assert api.as_(member).get(f"/repositories/{repository}").status_code == 404
    assert client.items(f"/repositories/{repository}/permissions") == []


def test_who_may_do_what_with_teams(api: ApiClient, people: dict[str, Person | None]) -> None:
    owner = api.as_(people["owner"])
    team = owner.made(TEAMS, {"slug": "dev"})["id"]
    asked = {
        "list": lambda client, _who: client.get(TEAMS),
        "read": lambda client, _who: client.get(f"/teams/{team}"),
        "members": lambda client, _who: client.get(f"/teams/{team}/members"),
        "create": lambda client, who: client.post(TEAMS, {"slug": f"team-{who}"}),
        "change": lambda client, who: client.patch(f"/teams/{team}", {"description": who}),
        "add": lambda client, _who: client.put(f"/teams/{team}/members/alice", {"role": "member"}),
    }
    answers = {
        name: [ask(api.as_(person), who).status_code for who, person in people.items()]
        for name, ask in asked.items()
    }
    reading, writing = [401, 404, 200, 200, 200, 200], [401, 404, 403, 200, 200, 200]
    assert answers == {
        "list": reading,
        "read": reading,
        "members": reading,
        "create": [401, 404, 403, 201, 201, 201],
        "change": writing,
        "add": writing,
    }
