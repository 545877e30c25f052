"""What holds for every resource: pages, errors, conditions, repeated requests."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from app.auth.principal import TokenLimits
from tests.api_client import ApiClient, code_of, pointers_of

if TYPE_CHECKING:
    from redis import Redis

    from tests.world import Person, World

TEAMS = "/organizations/acme/teams"


@pytest.mark.usefixtures("acme")
def test_a_list_is_read_page_by_page(api: ApiClient, alice: Person) -> None:
    client = api.as_(alice)
    for number in range(5):
        client.made(TEAMS, {"slug": f"team-{number}"})
    seen, path = [], f"{TEAMS}?limit=2"
    while path:
        response = client.get(path)
        page = response.get_json()
        seen.append([one["slug"] for one in page["items"]])
        link = re.fullmatch('<(.+)>; rel="next"', response.headers.get("Link", ""))
        assert (link is None) == (page["next_cursor"] is None)
        path = link[1] if link else ""
        client.delete(f"/teams/{page['items'][0]['id']}")  # Neither repeats nor hides others.
    assert seen == [["team-0", "team-1"], ["team-2", "team-3"], ["team-4"]]


@pytest.mark.usefixtures("acme")
def test_a_cursor_is_good_for_its_own_list_only(
    api: ApiClient, world: World, alice: Person
) -> None:
    client = api.as_(alice)
    for number in range(3):
        client.made(TEAMS, {"slug": f"team-{number}"})
        world.organization(f"org-{number}", alice)
    cursor = client.read(f"{TEAMS}?limit=1")["next_cursor"]
    assert client.read(f"{TEAMS}?limit=2&cursor={cursor}")["items"][0]["slug"] == "team-1"
    changed = cursor[:-4] + ("AAAA" if cursor[-4:] != "AAAA" else "BBBB")
    for wrong in (
        f"{TEAMS}?cursor={changed}",
        f"{TEAMS}?cursor=%00",
        f"/organizations?cursor={cursor}",
    ):
        assert pointers_of(client.get(wrong)) == {"/cursor"}


@pytest.mark.usefixtures("acme")
def test_a_limit_is_between_1_and_500(api: ApiClient, alice: Person) -> None:
    client = api.as_(alice)
    for limit in ("0", "501", "-1", "many", ""):
        assert pointers_of(client.get(f"{TEAMS}?limit={limit}")) == {"/limit"}
    assert client.get(f"{TEAMS}?limit=500").status_code == 200
    assert pointers_of(client.get(f"{TEAMS}?page=2&x=y")) == {"/page", "/x"}


@pytest.mark.usefixtures("acme")
def test_an_etag_spares_a_read_and_guards_a_change(api: ApiClient, alice: Person) -> None:
    client, path = api.as_(alice), "/organizations/acme"
    first = client.get(path)
    etag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert not etag.startswith("W/")
    unchanged = client.get(path, headers={"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.data) == (304, b"")
    assert unchanged.headers["ETag"] == etag
    for method in ("PUT", "PATCH", "DELETE"):
        body = None if method == "DELETE" else {"slug": "acme", "description": "x"}
        stale = client.send(method, path, body, headers={"If-Match": '"stale"'})
        assert stale.status_code == 412
        assert code_of(stale) == "precondition_failed"
    changed = client.patch(path, {"description": "x"}, headers={"If-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] == client.get(path).headers["ETag"] != etag
    assert client.patch(path, {"description": "y"}, headers={"If-Match": etag}).status_code == 412
    assert client.patch(path, {"description": "y"}, headers={"If-Match": "*"}).status_code == 200
    missing = f"{path}/members/ghost"
    assert client.put(missing, {"role": "member"}, headers={"If-Match": "*"}).status_code == 404


@pytest.mark.usefixtures("acme")
def test_patches_at_the_same_moment_lose_nothing(api: ApiClient, alice: Person) -> None:
    client, path = api.as_(alice), "/organizations/acme"
    changes = [{"description": "d"}, {"display_name": "n"}, {"settings": {"quota_bytes": 7}}]
    with ThreadPoolExecutor(max_workers=3) as pool:
        answers = list(pool.map(lambda change: client.patch(path, change).status_code, changes))
    found = client.read(path)
    assert answers == [200, 200, 200]
    assert (found["description"], found["display_name"]) == ("d", "n")
    assert found["settings"]["quota_bytes"] == 7


@pytest.mark.usefixtures("acme")
def test_errors_are_problem_details(api: ApiClient, alice: Person) -> None:
    client = api.as_(alice)
    response = client.get("/organizations/nothing", headers={"X-Request-Id": "my-request"})
    problem = response.get_json()
    assert response.status_code == problem["status"] == 404
    assert (problem["code"], problem["title"]) == ("not_found", "Not Found")
    assert problem["instance"] == response.headers["X-Request-Id"] == "my-request"
    assert code_of(client.get("/nothing")) == "not_found"
    wrong_method = client.delete("/organizations")
    assert code_of(wrong_method) == "method_not_allowed"
    assert {"GET", "POST"} <= set(wrong_method.headers["Allow"].split(", "))
    wrong_token = api.get("/organizations", headers={"Authorization": "Bearer srg_wrong"})
    assert wrong_token.status_code == 401
    assert wrong_token.headers["WWW-Authenticate"] == 'Bearer realm="Packhouse"'


@pytest.mark.usefixtures("acme")
def test_a_body_that_cannot_be_read_is_refused_as_what_it_is(api: ApiClient, alice: Person) -> None:
    client, json = api.as_(alice), {"Content-Type": "application/json"}

    def answer(data: bytes, headers: dict[str, str]) -> tuple[int, str]:
        response = client.post(TEAMS, data=data, headers=headers)
        return response.status_code, code_of(response)

    assert answer(b'{"slug": ', json) == (400, "invalid_input")
    assert answer(b"\xff\xfe", json) == (400, "invalid_input")
    assert answer(b"[" * 5000 + b"]" * 5000, json) == (400, "invalid_input")
    assert answer(b'{"slug": NaN}', json) == (400, "invalid_input")
    assert answer(b"[]", json) == (422, "validation_failed")
    assert answer(b"null", json) == (422, "validation_failed")
    assert answer(b"", json) == (422, "validation_failed")
    assert answer(b"slug=dev", {"Content-Type": "application/x-www-form-urlencoded"}) == (
        415,
        "unsupported_media_type",
    )
    assert answer(b" " * (1024 * 1024 + 1), json) == (413, "too_large")
    patch = client.patch("/organizations/acme", data=b"[1]", headers=json)
    assert (patch.status_code, code_of(patch)) == (422, "validation_failed")
    put = client.put("/organizations/acme", data=b"{", headers=json)
    assert (put.status_code, code_of(put)) == (400, "invalid_input")


@pytest.mark.usefixtures("acme")
def test_a_request_that_is_sent_again_is_not_done_again(
    api: ApiClient, alice: Person, bob: Person
) -> None:
    client, key = api.as_(alice), {"Idempotency-Key": "0001"}
    first = client.post(TEAMS, {"slug": "dev"}, headers=key)
    again = client.post(TEAMS, {"slug": "dev"}, headers=key)
    assert first.status_code == again.status_code == 201
    assert first.get_json() == again.get_json()
    for name in ("Location", "ETag", "Content-Type"):
        assert first.headers[name] == again.headers[name]
    assert again.headers["Idempotent-Replayed"] == "true"
    other_body = client.post(TEAMS, {"slug": "ops"}, headers=key)
    assert (other_body.status_code, code_of(other_body)) == (422, "idempotency_key_reused")
    other_path = client.post("/organizations", {"slug": "dev"}, headers=key)
    assert other_path.status_code == 422
    assert api.as_(bob).post("/organizations", {"slug": "bobs"}, headers=key).status_code == 201
    assert client.post(TEAMS, {"slug": "x"}, headers={"Idempotency-Key": ""}).status_code == 400


@pytest.mark.usefixtures("acme")
def test_a_refused_request_may_be_corrected_under_its_key(api: ApiClient, alice: Person) -> None:
    client, key = api.as_(alice), {"Idempotency-Key": "0002"}
    assert client.post(TEAMS, {"slug": "No"}, headers=key).status_code == 422
    assert client.post(TEAMS, {"slug": "yes"}, headers=key).status_code == 201


def test_a_secret_is_never_repeated(api: ApiClient, alice: Person) -> None:
    client, key = api.as_(alice), {"Idempotency-Key": "0003"}
    first = client.post("/tokens", {"name": "ci"}, headers=key)
    again = client.post("/tokens", {"name": "ci"}, headers=key)
    assert (first.status_code, first.headers["Cache-Control"]) == (201, "no-store")
    assert (again.status_code, code_of(again)) == (409, "secret_not_repeated")
    assert first.get_json()["token"] not in again.get_data(as_text=True)
    assert [one["name"] for one in client.items("/tokens")] == ["ci", "test"]


@pytest.mark.usefixtures("acme")
def test_the_same_request_at_the_same_moment_is_done_once(
    api: ApiClient, alice: Person, redis: Redis
) -> None:
    client, key = api.as_(alice), {"Idempotency-Key": "0004"}

    def send(_number: int) -> int:
        return client.post(TEAMS, {"slug": "dev"}, headers=key).status_code

    with ThreadPoolExecutor(max_workers=4) as pool:
        answers = list(pool.map(send, range(4)))
    assert answers.count(201) >= 1
    assert set(answers) <= {201, 409}
    assert len(client.items(TEAMS)) == 1
    assert send(0) == 201
    del redis


@pytest.mark.usefixtures("acme")
def test_a_token_is_refused_outside_of_its_limits(
    api: ApiClient, world: World, alice: Person, acme: str
) -> None:
    other = world.organization("other", alice)

    def limited(**limits: frozenset[str]) -> ApiClient:
        return api.as_(world.with_token(alice.user, TokenLimits(**limits)))

    npm_only = limited(protocols=frozenset({"npm"}))
    for path in ("/organizations", "/organizations/acme", "/packages", "/auth/me", TEAMS):
        response = npm_only.get(path)
        assert (response.status_code, code_of(response)) == (403, "forbidden")
        assert "npm" in response.get_json()["detail"]
    reading = limited(protocols=frozenset({"api"}), actions=frozenset({"read"}))
    assert reading.get(TEAMS).status_code == 200
    assert reading.post(TEAMS, {"slug": "dev"}).status_code == 403
    assert reading.delete("/organizations/acme").status_code == 403
    writing = limited(actions=frozenset({"read", "write"}))
    assert writing.post(TEAMS, {"slug": "dev"}).status_code == 201
    assert writing.delete("/organizations/acme").status_code == 403
    bound = limited(organizations=frozenset({acme}))
    assert [one["slug"] for one in bound.items("/organizations")] == ["acme"]
    assert bound.get(f"/organizations/{other}").status_code == 403
    assert bound.post("/organizations", {"slug": "third"}).status_code == 403


def test_a_method_that_is_not_there_is_a_405_whatever_credentials_come_along(
    api: ApiClient,
) -> None:
    for authorization in ({}, {"Authorization": "Bearer srg_wrong"}):
        refused = api.get("/auth/refresh", headers=authorization)
        assert code_of(refused) == "method_not_allowed"
        assert refused.headers["Allow"]


def test_a_path_that_lacks_its_last_part_is_none(api: ApiClient, alice: Person) -> None:
    client = api.as_(alice)
    for method, path in (("GET", "/tokens/"), ("DELETE", "/auth/sessions/"), ("GET", "/users/")):
        assert client.send(method, path).status_code == 404


def test_an_unknown_member_is_refused_in_a_patch_that_takes_it_away(
    api: ApiClient, alice: Person, acme: str
) -> None:
    refused = api.as_(alice).patch(f"/organizations/{acme}", {"colour": None})
    assert pointers_of(refused) == {"/colour"}
