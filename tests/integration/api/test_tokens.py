from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.auth.principal import TokenLimits
from tests.api_client import ApiClient, pointers_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.world import Person, World


def test_a_token_is_made_shown_once_rotated_and_revoked(
    api: ApiClient,
    alice: Person,
    bob: Person,
    acme: str,
    recorded: Callable[[str], list[dict[str, Any]]],
) -> None:
    client = api.as_(alice)
    expires_at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    response = client.post(
        "/tokens",
        {
            "name": "ci",
            "protocols": ["npm", "api"],
            "actions": ["read"],
            "organizations": ["acme"],
            "expires_at": expires_at,
        },
    )
    made = response.get_json()
    assert (response.status_code, response.headers["Cache-Control"]) == (201, "no-store")
    assert made["token"].startswith(made["prefix"])
    path = response.headers["Location"]
    shown = client.read(path)
    assert "token" not in shown
    assert shown["organizations"] == ["acme"]
    assert shown["protocols"] == ["api", "npm"]
    assert shown["user"]["username"] == "alice"
    old = {"Authorization": f"Bearer {made['token']}"}
    assert api.get(f"/organizations/{acme}", headers=old).status_code == 200
    assert api.get("/auth/me", headers=old).get_json()["token"]["id"] == made["id"]
    rotated = client.post(f"{path}/rotate").get_json()
    assert rotated["id"] == made["id"]
    assert rotated["token"] != made["token"]
    assert api.get("/auth/me", headers=old).status_code == 401
    assert api.as_(bob).get(path).status_code == 404
    assert api.as_(bob).delete(path).status_code == 404
    assert client.delete(path).status_code == 204
    assert client.delete(path).status_code == 404
    new = {"Authorization": f"Bearer {rotated['token']}"}
    assert api.get("/auth/me", headers=new).status_code == 401
    assert [len(recorded(f"token.{verb}")) for verb in ("rotate", "revoke")] == [1, 1]


@pytest.mark.usefixtures("acme")
def test_what_a_token_cannot_be_limited_to_is_refused_at_its_field(
    api: ApiClient, world: World, alice: Person, bob: Person
) -> None:
    world.organization("hidden", bob)
    client = api.as_(alice)

    def refused(**fields: Any) -> set[str]:
        return pointers_of(client.post("/tokens", {"name": "ci", **fields}))

    assert refused(name="") == {"/name"}
    assert refused(protocols=["npm", "nope"]) == {"/protocols/1"}
    assert refused(actions=["fly"]) == {"/actions/0"}
    assert refused(organizations=["acme", "hidden", "none"]) == {
        "/organizations/1",
        "/organizations/2",
    }
    assert refused(networks=["nowhere"]) == {"/networks/0"}
    assert refused(expires_at="2001-01-01T00:00:00Z") == {"/expires_at"}
    assert refused(expires_at="2101-01-01T00:00:00") == {"/expires_at"}
    assert refused(colour="red") == {"/colour"}


def test_a_token_makes_none_that_may_more(api: ApiClient, world: World, alice: Person) -> None:
    limits = TokenLimits(protocols=frozenset({"api"}), actions=frozenset({"read", "write"}))
    client = api.as_(world.with_token(alice.user, limits))
    assert client.post("/tokens", {"name": "wide"}).status_code == 403
    narrow = {"name": "narrow", "protocols": ["api"], "actions": ["read"]}
    assert client.post("/tokens", narrow).status_code == 201
    assert client.post(f"/tokens/{alice.token_id}/rotate").status_code == 403


def test_platform_admins_see_everybodys_tokens(api: ApiClient, alice: Person, root: Person) -> None:
    api.as_(alice).made("/tokens", {"name": "ci"})
    listed = api.as_(root).items("/admin/tokens")
    assert (listed[0]["user"]["username"], listed[0]["name"]) == ("alice", "ci")
    first = api.as_(root).read("/admin/tokens?limit=1")
    second = api.as_(root).read(f"/admin/tokens?limit=1&cursor={first['next_cursor']}")
    assert [first["items"][0]["id"], second["items"][0]["id"]] == [one["id"] for one in listed][:2]
    assert [one["name"] for one in api.as_(alice).items("/tokens")] == ["ci", "test"]
    assert api.as_(alice).get("/admin/tokens").status_code == 403
    assert api.get("/admin/tokens").status_code == 401
    assert api.get("/tokens").status_code == 401
    assert api.post("/tokens", {"name": "x"}).status_code == 401
