from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.api_client import ApiClient, pointers_of
from tests.world import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from tests.world import Person, World

CAROL = {"email": "carol@corp", "username": "carol", "password": "lamp-walrus-tangent-9"}


def test_a_platform_admin_makes_and_closes_accounts(
    api: ApiClient, root: Person, recorded: Callable[[str], list[dict[str, Any]]]
) -> None:
    client = api.as_(root)
    response = client.post("/users", {**CAROL, "display_name": "Carol"})
    made = response.get_json()
    assert response.status_code == 201
    assert response.headers["Location"] == f"/api/v1/users/{made['id']}"
    assert "password" not in made
    assert made["number"] > 0
    assert client.read("/users/carol") == client.read("/users/carol@corp") == made
    login = {"username": "carol", "password": CAROL["password"]}
    session = api.post("/auth/login", login).get_json()
    assert client.delete("/users/carol").status_code == 204
    assert client.delete("/users/carol").status_code == 404
    assert client.read("/users/carol")["is_active"] is False
    bearer = {"Authorization": f"Bearer {session['access_token']}"}
    assert api.get("/auth/me", headers=bearer).status_code == 401
    assert api.post("/auth/login", login).status_code == 401
    assert recorded("user.delete")[0]["resource"]["name"] == "carol"


def test_what_an_account_cannot_be_is_refused_at_its_field(
    api: ApiClient, root: Person, bob: Person
) -> None:
    client = api.as_(root)

    def refused(change: dict[str, Any]) -> set[str]:
        return pointers_of(client.post("/users", {**CAROL, **change}))

    assert refused({"email": "nobody"}) == {"/email"}
    assert refused({"username": "Carol"}) == {"/username"}
    assert refused({"password": "short"}) == {"/password"}
    assert refused({"shoe_size": 42}) == {"/shoe_size"}
    assert client.post("/users", {**CAROL, "username": "bob"}).status_code == 409
    assert client.post("/users", {**CAROL, "email": bob.user.email}).status_code == 409


def test_one_changes_ones_own_account_but_not_ones_powers(
    api: ApiClient, bob: Person, stranger: Person
) -> None:
    client = api.as_(bob)
    changed = client.patch("/users/bob", {"display_name": "Bob", "username": "robert"})
    assert (changed.status_code, changed.get_json()["username"]) == (200, "robert")
    replaced = client.put("/users/robert", {"email": bob.user.email, "username": "robert"})
    assert replaced.get_json()["display_name"] == ""
    refused = client.patch("/users/robert", {"email": "b@corp"})
    assert refused.status_code == 403
    assert "change an e-mail address" in refused.get_json()["detail"]
    assert pointers_of(client.put("/users/robert", {"username": "robert"})) == {"/email"}
    same = client.patch("/users/robert", {"is_platform_admin": False, "is_active": True})
    assert same.status_code == 200
    assert client.patch("/users/robert", {"is_platform_admin": True}).status_code == 403
    assert client.delete("/users/robert").status_code == 403
    assert api.as_(stranger).patch("/users/robert", {"display_name": "x"}).status_code == 404
    stale = client.patch("/users/robert", {"display_name": "x"}, headers={"If-Match": '"x"'})
    assert stale.status_code == 412


def test_the_last_platform_admin_stays(api: ApiClient, world: World, root: Person) -> None:
    client = api.as_(root)
    assert client.delete("/users/root-admin").status_code == 409
    assert client.patch("/users/root-admin", {"is_platform_admin": False}).status_code == 409
    world.person("second", admin=True)
    assert client.patch("/users/root-admin", {"is_platform_admin": False}).status_code == 200
    assert client.get("/users").status_code == 403


def test_a_new_name_shows_in_documents_at_once(
    api: ApiClient, app: Flask, alice: Person, root: Person, publish: Callable[..., None]
) -> None:
    publish("@acme/thing")

    def maintainers() -> list[dict[str, str]]:
        response = app.test_client().get("/o/acme/npm/@acme/thing", headers=alice.bearer)
        found: list[dict[str, str]] = response.get_json()["maintainers"]
        return found

    assert maintainers() == [{"name": "alice", "email": "alice@packhouse.test"}]
    api.as_(root).patch("/users/alice", {"username": "alicia", "email": "alicia@corp"})
    assert maintainers() == [{"name": "alicia", "email": "alicia@corp"}]
    (package,) = api.as_(alice).items("/packages")
    assert package["owners"][0]["username"] == "alicia"


def test_who_may_see_accounts(api: ApiClient, people: dict[str, Person | None]) -> None:
    lists = [api.as_(one).get("/users").status_code for one in people.values()]
    reads = [api.as_(one).get("/users/stranger").status_code for one in people.values()]
    makes = [
        api.as_(one).post("/users", {**CAROL, "password": PASSWORD}).status_code
        for one in people.values()
    ]
    assert lists == [401, 403, 403, 403, 403, 200]
    assert reads == [401, 200, 404, 404, 404, 200]
    assert makes == [401, 403, 403, 403, 403, 201]
    assert api.as_(people["owner"]).get("/users/nobody-at-all").status_code == 404
    names = [one["username"] for one in api.as_(people["root"]).items("/users")]
    assert names == sorted(names)
    assert "carol" in names


def test_who_there_is_shows_neither_in_answers_nor_in_what_is_done_for_them(
    api: ApiClient,
    bob: Person,
    stranger: Person,
    recorded: Callable[[str], list[dict[str, Any]]],
) -> None:
    client = api.as_(stranger)
    pairs = (("bob", "nobody"), (bob.user.email, "no@packhouse.test"), (str(bob.user.id), "0" * 24))
    for pair in pairs:
        for change in (None, {"display_name": "x"}):
            for reference in pair:
                before = len(recorded("access.denied"))
                answer = client.send("PATCH" if change else "GET", f"/users/{reference}", change)
                assert (answer.status_code, answer.get_json()["detail"]) == (404, "Not found")
                (event,) = recorded("access.denied")[before:]
                assert event["actor"]["name"] == "stranger"
                known = {event["resource"]["id"], event["resource"]["name"]} - {""}
                assert known == (set() if "@" in reference else {reference})
    for own in ("stranger", "STRANGER", stranger.user.email, str(stranger.user.id)):
        assert client.get(f"/users/{own}").status_code == 200
