from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.models import Visibility
from tests.api_client import ApiClient, pointers_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.world import Person, World


@pytest.fixture
def web(world: World, alice: Person, acme: str) -> str:
    """The path of a private repository of ``acme``."""
    del acme
    return f"/repositories/{world.repository('acme', alice, 'web')}"


def test_a_user_is_granted_a_role_and_loses_it(
    api: ApiClient,
    alice: Person,
    stranger: Person,
    web: str,
    recorded: Callable[[str], list[dict[str, Any]]],
) -> None:
    client, theirs = api.as_(alice), api.as_(stranger)
    path = f"{web}/permissions/users/stranger"
    granted = client.put(path, {"role": "reader"}).get_json()
    assert granted["grantee"] == {"type": "user", "id": str(stranger.user.id), "name": "stranger"}
    assert theirs.get(web).status_code == 200
    assert theirs.patch(web, {"description": "x"}).status_code == 403
    client.put(f"{web}/permissions/users/{stranger.user.id}", {"role": "admin"})
    assert theirs.patch(web, {"description": "x"}).status_code == 200
    assert [one["role"] for one in client.items(f"{web}/permissions")] == ["admin"]
    assert client.delete(path).status_code == 204
    assert client.delete(path).status_code == 404
    assert theirs.get(web).status_code == 404
    assert [one["details"]["role"] for one in recorded("grant.set")] == ["reader", "admin"]
    assert len(recorded("grant.remove")) == 1


def test_who_is_not_there_is_granted_nothing(api: ApiClient, alice: Person, web: str) -> None:
    client = api.as_(alice)
    assert client.put(f"{web}/permissions/users/ghost", {"role": "reader"}).status_code == 404
    assert client.put(f"{web}/permissions/teams/ghosts", {}).status_code == 404
    assert pointers_of(client.put(f"{web}/permissions/users/alice", {"role": "king"})) == {"/role"}
    assert pointers_of(client.put(f"{web}/permissions/users/alice", {})) == {"/role"}


def test_an_effective_role_says_which_rules_give_it(
    api: ApiClient, world: World, alice: Person, member: Person, web: str
) -> None:
    client, name = api.as_(alice), member.user.username
    client.patch(web, {"visibility": "internal"})
    team = client.made("/organizations/acme/teams", {"slug": "dev"})["id"]
    client.made(f"/teams/{team}/members", {"user": name})
    client.put(f"{web}/permissions/teams/dev", {})
    client.put(f"{web}/permissions/users/{name}", {"role": "maintainer"})
    found = client.read(f"{web}/permissions/effective?user={name}")
    assert found["user"]["username"] == name
    assert found["role"] == "maintainer"
    assert found["reasons"] == [
        {"rule": "grant", "role": "maintainer", "team": ""},
        {"rule": "team", "role": "developer", "team": "dev"},
        {"rule": "internal", "role": "reader", "team": ""},
    ]
    assert api.as_(member).read(f"{web}/permissions/effective") == found
    own = client.read(f"{web}/permissions/effective")
    assert own["reasons"][0] == {"rule": "organization_owner", "role": "admin", "team": ""}
    outsider = world.person("outsider")
    assert api.as_(outsider).read(f"{web}/permissions/effective")["role"] == "reader"
    assert api.as_(outsider).get(f"{web}/permissions/effective?user={name}").status_code == 403


def test_who_may_see_and_give_permissions(
    api: ApiClient, people: dict[str, Person | None], web: str, world: World
) -> None:
    world.person("granted")
    asked = {
        "list": lambda client: client.get(f"{web}/permissions"),
        "give": lambda client: client.put(
            f"{web}/permissions/users/granted", {"role": "developer"}
        ),
        "own": lambda client: client.get(f"{web}/permissions/effective"),
        "other": lambda client: client.get(f"{web}/permissions/effective?user=granted"),
    }
    answers = {
        name: [ask(api.as_(person)).status_code for person in people.values()]
        for name, ask in asked.items()
    }
    assert answers == {
        "list": [401, 404, 404, 200, 200, 200],
        "give": [401, 404, 404, 200, 200, 200],
        "own": [401, 404, 404, 200, 200, 200],
        "other": [401, 404, 404, 200, 200, 200],
    }


def test_a_maintainer_of_a_public_repository_gives_nothing(
    api: ApiClient, world: World, alice: Person, stranger: Person, web: str
) -> None:
    api.as_(alice).patch(web, {"visibility": Visibility.PUBLIC})
    api.as_(alice).put(f"{web}/permissions/users/stranger", {"role": "maintainer"})
    client = api.as_(stranger)
    assert client.get(f"{web}/permissions").status_code == 403
    assert client.put(f"{web}/permissions/users/stranger", {"role": "admin"}).status_code == 403
    assert client.delete(web).status_code == 403
    assert client.get(f"{web}/permissions/effective").get_json()["role"] == "maintainer"
    del world
