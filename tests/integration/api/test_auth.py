from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.api_client import ApiClient, code_of, pointers_of
from tests.world import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.world import Person, World


def bearer(sign_in: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {sign_in['access_token']}"}


def signed_in(api: ApiClient, name: str, password: str = PASSWORD) -> dict[str, Any]:
    response = api.post("/auth/login", {"username": name, "password": password})
    assert response.status_code == 200
    found: dict[str, Any] = response.get_json()
    return found


def test_one_signs_in_by_username_or_email(api: ApiClient, alice: Person) -> None:
    by_email = api.post("/auth/login", {"email": "Alice@packhouse.test", "password": PASSWORD})
    answer = by_email.get_json()
    assert by_email.headers["Cache-Control"] == "no-store"
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 900)
    assert answer["user"]["username"] == "alice"
    assert answer["user"]["id"] == str(alice.user.id)
    assert api.get("/auth/me", headers=bearer(signed_in(api, "alice"))).status_code == 200


def test_a_wrong_password_is_a_401_and_a_wrong_body_a_422(api: ApiClient, alice: Person) -> None:
    del alice
    wrong = api.post("/auth/login", {"username": "alice", "password": "nope"})
    unknown = api.post("/auth/login", {"username": "nobody", "password": "nope"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.get_json()["detail"] == unknown.get_json()["detail"]
    assert "WWW-Authenticate" in wrong.headers
    assert pointers_of(api.post("/auth/login", {"username": "alice"})) == {"/password"}
    assert pointers_of(api.post("/auth/login", {"password": "x"})) == {"/email"}
    assert pointers_of(
        api.post("/auth/login", {"password": "x", "email": "a@b.c", "username": "a"})
    ) == {"/email"}


def test_signing_in_works_whatever_credentials_came_along(api: ApiClient, alice: Person) -> None:
    del alice
    response = api.post(
        "/auth/login",
        {"username": "alice", "password": PASSWORD},
        headers={"Authorization": "Bearer srg_old"},
    )
    assert response.status_code == 200


def test_a_refresh_token_is_good_once(api: ApiClient, alice: Person) -> None:
    del alice
    first = signed_in(api, "alice")
    renewed = api.post("/auth/refresh", {"refresh_token": first["refresh_token"]})
    assert renewed.status_code == 200
    assert renewed.headers["Cache-Control"] == "no-store"
    assert api.post("/auth/refresh", {"refresh_token": "x"}).status_code == 401
    replayed = api.post("/auth/refresh", {"refresh_token": first["refresh_token"]})
    assert replayed.status_code == 401
    assert api.get("/auth/me", headers=bearer(renewed.get_json())).status_code == 401


def test_signing_out_ends_the_session(api: ApiClient, alice: Person) -> None:
    headers = bearer(signed_in(api, "alice"))
    assert api.post("/auth/logout", headers=headers).status_code == 204
    assert api.get("/auth/me", headers=headers).status_code == 401
    with_token = api.as_(alice).post("/auth/logout")
    assert (with_token.status_code, code_of(with_token)) == (400, "invalid_input")
    assert api.post("/auth/logout").status_code == 401


def test_one_is_told_who_one_is(api: ApiClient, alice: Person, acme: str, root: Person) -> None:
    by_token = api.as_(alice).read("/auth/me")
    assert by_token["user"]["email"] == "alice@packhouse.test"
    assert by_token["organizations"] == [
        {"id": acme, "slug": "acme", "display_name": "", "role": "owner"}
    ]
    assert by_token["roles"] == []
    assert by_token["token"]["id"] == alice.token_id
    assert by_token["session_id"] is None
    by_session = api.get("/auth/me", headers=bearer(signed_in(api, "alice"))).get_json()
    assert by_session["token"] is None
    assert by_session["session_id"]
    assert api.as_(root).read("/auth/me")["roles"] == ["platform_admin"]
    assert api.get("/auth/me").status_code == 401


def test_one_sees_and_ends_ones_sessions(api: ApiClient, alice: Person, bob: Person) -> None:
    sign_ins = [signed_in(api, "alice") for _ in range(3)]
    mine = bearer(sign_ins[2])
    sessions = api.get("/auth/sessions", headers=mine).get_json()["items"]
    assert [one["current"] for one in sessions] == [False, False, True]
    first = f"/auth/sessions/{sessions[0]['id']}"
    assert api.get(first, headers=mine).get_json() == sessions[0]
    assert api.as_(bob).get(first).status_code == 404
    assert api.as_(bob).delete(first).status_code == 404
    assert api.delete(first, headers=mine).status_code == 204
    assert api.delete(first, headers=mine).status_code == 404
    assert api.get("/auth/me", headers=bearer(sign_ins[0])).status_code == 401
    assert api.delete("/auth/sessions", headers=mine).status_code == 204
    assert api.get("/auth/me", headers=bearer(sign_ins[1])).status_code == 401
    assert len(api.get("/auth/sessions", headers=mine).get_json()["items"]) == 1
    assert api.as_(alice).items("/auth/sessions")[0]["current"] is False


def test_a_new_password_ends_the_other_sessions(
    api: ApiClient,
    world: World,
    alice: Person,
    recorded: Callable[[str], list[dict[str, Any]]],
) -> None:
    del world, alice
    mine, other = (bearer(signed_in(api, "alice")) for _ in range(2))
    change = {"current_password": PASSWORD, "new_password": "lamp-walrus-tangent-9"}
    wrong = api.post("/auth/password", {**change, "current_password": "x"}, headers=mine)
    assert pointers_of(wrong) == {"/current_password"}
    weak = api.post("/auth/password", {**change, "new_password": "short"}, headers=mine)
    assert pointers_of(weak) == {"/new_password"}
    assert api.post("/auth/password", change, headers=mine).status_code == 204
    assert api.get("/auth/me", headers=mine).status_code == 200
    assert api.get("/auth/me", headers=other).status_code == 401
    assert signed_in(api, "alice", "lamp-walrus-tangent-9")["user"]["username"] == "alice"
    assert len(recorded("password.change")) == 1


def test_anybody_may_know_how_one_signs_in(api: ApiClient) -> None:
    wrong = {"Authorization": "Bearer srg_wrong"}
    assert api.items("/auth/providers") == [{"id": "local", "type": "local", "name": "Password"}]
    assert api.get("/auth/providers", headers=wrong).status_code == 200
