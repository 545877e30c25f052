from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from app.models import OrganizationRole
from tests.api_client import ApiClient, pointers_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.world import Person, World

MEMBERS = "/organizations/acme/members"


def roles(api: ApiClient, owner: Person) -> dict[str, str]:
    items = api.as_(owner).items(MEMBERS)
    return {one["user"]["username"]: one["role"] for one in items}


@pytest.mark.usefixtures("acme")
def test_a_member_is_named_by_id_username_or_email(
    api: ApiClient, world: World, alice: Person, bob: Person
) -> None:
    carol, dave = world.person("carol"), world.person("dave")
    client = api.as_(alice)
    client.made(MEMBERS, {"user": str(bob.user.id), "role": "member"})
    client.made(MEMBERS, {"user": "carol", "role": "admin"})
    made = client.post(MEMBERS, {"user": "Dave@Packhouse.test"})
    assert made.headers["Location"] == f"/api/v1{MEMBERS}/dave"
    assert roles(api, alice) == {
        "alice": "owner",
        "bob": "member",
        "carol": "admin",
        "dave": "member",
    }
    assert client.read(f"{MEMBERS}/{carol.user.email}")["role"] == "admin"
    assert "email" not in client.read(f"{MEMBERS}/{dave.user.username}")["user"]


@pytest.mark.usefixtures("acme")
def test_nobody_of_that_name_is_refused_at_the_field(api: ApiClient, alice: Person) -> None:
    response = api.as_(alice).post(MEMBERS, {"user": "nobody", "role": "member"})
    assert pointers_of(response) == {"/user"}
    assert pointers_of(api.as_(alice).post(MEMBERS, {"user": "alice", "role": "boss"})) == {"/role"}


def test_a_member_is_added_once(api: ApiClient, alice: Person, member: Person) -> None:
    response = api.as_(alice).post(MEMBERS, {"user": member.user.username, "role": "admin"})
    assert response.status_code == 409
    assert roles(api, alice)[member.user.username] == "member"


@pytest.mark.usefixtures("acme")
def test_put_makes_a_member_or_changes_one(
    api: ApiClient,
    alice: Person,
    bob: Person,
    recorded: Callable[[str], list[dict[str, Any]]],
) -> None:
    client = api.as_(alice)
    assert client.put(f"{MEMBERS}/bob", {"role": "member"}).status_code == 200
    assert client.put(f"{MEMBERS}/bob", {"role": "admin"}).get_json()["role"] == "admin"
    assert client.put(f"{MEMBERS}/ghost", {"role": "admin"}).status_code == 404
    assert roles(api, alice)["bob"] == "admin"
    assert recorded("member.update")[0]["details"] == {"role": "admin"}
    assert api.as_(bob).read("/auth/me")["organizations"][0]["role"] == "admin"


def test_only_owners_make_and_remove_owners(
    api: ApiClient,
    world: World,
    alice: Person,
    admin: Person,
    recorded: Callable[[str], list[dict[str, Any]]],
) -> None:
    bob = world.person("bob")
    client = api.as_(admin)
    name = admin.user.username
    assert client.post(MEMBERS, {"user": "bob", "role": "owner"}).status_code == 403
    assert client.put(f"{MEMBERS}/{name}", {"role": "owner"}).status_code == 403
    assert client.put(f"{MEMBERS}/alice", {"role": "member"}).status_code == 403
    assert client.delete(f"{MEMBERS}/alice").status_code == 403
    assert [one["actor"]["name"] for one in recorded("access.denied")] == [name] * 4
    world.member("acme", alice, bob, OrganizationRole.OWNER)
    assert api.as_(bob).put(f"{MEMBERS}/alice", {"role": "member"}).status_code == 200
    assert roles(api, bob) == {"alice": "member", "bob": "owner", name: "admin"}


@pytest.mark.usefixtures("acme")
def test_the_last_owner_stays(api: ApiClient, alice: Person, root: Person) -> None:
    for person in (alice, root):
        client = api.as_(person)
        assert client.delete(f"{MEMBERS}/alice").status_code == 409
        assert client.put(f"{MEMBERS}/alice", {"role": "admin"}).status_code == 409
    assert roles(api, alice) == {"alice": "owner"}


@pytest.mark.usefixtures("acme")
def test_an_owner_who_cannot_sign_in_does_not_count(
    api: ApiClient, world: World, alice: Person, bob: Person, root: Person
) -> None:
    world.member("acme", alice, bob, OrganizationRole.OWNER)
    assert api.as_(root).delete("/users/bob").status_code == 204
    assert api.as_(alice).delete(f"{MEMBERS}/alice").status_code == 409


@pytest.mark.usefixtures("acme")
def test_two_owners_who_leave_at_once_do_not_leave_nobody(
    api: ApiClient, world: World, alice: Person, bob: Person, root: Person
) -> None:
    for _ in range(3):
        world.member("acme", root, bob, OrganizationRole.OWNER)
        with ThreadPoolExecutor(max_workers=2) as pool:
            answers = list(
                pool.map(
                    lambda person: (
                        api.as_(person).delete(f"{MEMBERS}/{person.user.username}").status_code
                    ),
                    (alice, bob),
                )
            )
        assert sorted(answers) == [204, 409]
        left = roles(api, root)
        assert list(left.values()) == ["owner"]
        if "bob" in left:  # Set the stage again: Alice owns it, Bob is out.
            world.member("acme", root, alice, OrganizationRole.OWNER)
            api.as_(root).delete(f"{MEMBERS}/bob")


@pytest.mark.usefixtures("acme")
def test_whoever_leaves_loses_teams_and_grants(
    api: ApiClient, world: World, alice: Person, member: Person
) -> None:
    client, name = api.as_(alice), member.user.username
    repository = world.repository("acme", alice, "web")
    team = client.made("/organizations/acme/teams", {"slug": "dev"})["id"]
    client.made(f"/teams/{team}/members", {"user": name})
    client.put(f"/teams/{team}/repositories/{repository}")
    client.put(f"/repositories/{repository}/permissions/users/{name}", {"role": "admin"})
    assert api.as_(member).get(f"/repositories/{repository}").status_code == 200
    assert api.as_(member).delete(f"{MEMBERS}/{name}").status_code == 204
    assert api.as_(member).get(f"/repositories/{repository}").status_code == 404
    assert client.items(f"/teams/{team}/members") == []
    grantees = [one["grantee"] for one in client.items(f"/repositories/{repository}/permissions")]
    assert [one["type"] for one in grantees] == ["team"]
    world.member("acme", alice, member, OrganizationRole.MEMBER)
    assert api.as_(member).get(f"/repositories/{repository}").status_code == 404


@pytest.mark.usefixtures("acme", "bob")
def test_removing_who_is_no_member_is_not_found(api: ApiClient, alice: Person) -> None:
    assert api.as_(alice).delete(f"{MEMBERS}/bob").status_code == 404
    assert api.as_(alice).delete(f"{MEMBERS}/ghost").status_code == 404


def test_who_reads_and_who_adds_members(
    api: ApiClient, people: dict[str, Person | None], world: World
) -> None:
    world.person("newcomer")
    reads, adds = {}, {}
    for who, person in people.items():
        client = api.as_(person)
        reads[who] = client.get(MEMBERS).status_code
        adds[who] = client.post(MEMBERS, {"user": "newcomer", "role": "member"}).status_code
        if adds[who] == 201:
            client.delete(f"{MEMBERS}/newcomer")
    assert reads == {
        "nobody": 401,
        "stranger": 404,
        "member": 200,
        "admin": 200,
        "owner": 200,
        "root": 200,
    }
    assert adds == {**reads, "member": 403, "admin": 201, "owner": 201, "root": 201}


@pytest.mark.usefixtures("acme")
def test_many_become_members_at_the_same_moment(
    api: ApiClient, world: World, alice: Person
) -> None:
    newcomers = [world.person(f"newcomer-{number}").user.username for number in range(8)]
    client = api.as_(alice)
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = list(
            pool.map(
                lambda name: client.post(MEMBERS, {"user": name, "role": "member"}).status_code,
                newcomers,
            )
        )
    assert answers == [201] * 8
    assert len(roles(api, alice)) == 9
