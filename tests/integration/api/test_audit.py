"""``/audit``: who sees which events, and how they are found."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from app import audit
from app.api.pagination import LONGEST_PAGE
from app.audit import AuditAction
from app.auth.principal import TokenLimits
from app.models.audit import audit_rows
from tests.api_client import code_of, pointers_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from tests.api_client import ApiClient
    from tests.world import Person, World


@pytest.fixture
def flushed(app: Flask) -> Callable[[], None]:
    """Put what happened until now into the chain."""

    def flush() -> None:
        with app.app_context():
            while audit.flush():
                pass

    return flush


@pytest.fixture
def other(api: ApiClient, stranger: Person) -> str:
    """An organization of somebody else's."""
    made = api.as_(stranger).made("/organizations", {"slug": "other"})
    api.as_(stranger).made("/organizations/other/teams", {"slug": "theirs"})
    return str(made["id"])


def actions(events: list[dict[str, Any]]) -> set[str]:
    return {one["action"] for one in events}


def test_everybody_sees_what_they_did_and_admins_what_concerns_their_organization(
    api: ApiClient,
    people: dict[str, Person | None],
    acme: str,
    other: str,
    flushed: Callable[[], None],
) -> None:
    del acme, other
    api.as_(people["member"]).post("/tokens", {"name": "mine"})
    api.as_(people["owner"]).made("/organizations/acme/teams", {"slug": "ours"})
    flushed()

    def seen(who: str) -> list[dict[str, Any]]:
        return api.as_(people[who]).items(f"/audit?limit={LONGEST_PAGE}")

    assert {one["organization"] for one in seen("root")} >= {"acme", "other", ""}
    for who in ("owner", "admin"):
        person = people[who]
        assert person is not None
        for one in seen(who):
            assert one["organization"] == "acme" or one["actor"]["id"] == str(person.user.id)
        assert "team.create" in actions(seen(who))
    member = people["member"]
    assert member is not None
    assert {one["actor"]["id"] for one in seen("member")} == {str(member.user.id)}
    assert actions(seen("member")) == {"token.create"}
    assert "theirs" in str(seen("stranger"))
    assert "ours" not in str(seen("stranger"))
    assert api.as_(None).get("/audit").status_code == 401


def test_an_event_has_every_field_of_its_own_export(
    api: ApiClient, root: Person, alice: Person, flushed: Callable[[], None]
) -> None:
    api.as_(alice).made("/organizations", {"slug": "acme"})
    flushed()
    (event,) = api.as_(root).items("/audit?action=organization.create")
    assert (event["actor"]["name"], event["resource"]["name"]) == ("alice", "acme")
    exported = api.as_(root).get("/audit/export?action=organization.create")
    assert exported.content_type == "application/x-ndjson"
    assert exported.headers["Cache-Control"] == "no-store"
    assert [json.loads(line) for line in exported.get_data().splitlines()] == [event]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("actor=alice&action=team.create", {"team.create"}),
        ("actor=ALICE&action=team.create", {"team.create"}),
        ("actor=nobody-of-that-name", set()),
        ("actor=alice&org=acme&resource_type=team", {"team.create"}),
        ("resource_type=team&resource=acme/ours", {"team.create"}),
        ("resource=acme/ours", {"team.create"}),
        ("org=acme&result=success&resource_type=organization", {"organization.create"}),
        ("org=acme&result=denied", {"access.denied"}),
        ("org=never-was", set()),
        ("result=failed", set()),
    ],
    ids=str,
)
def test_filters(
    api: ApiClient,
    people: dict[str, Person | None],
    flushed: Callable[[], None],
    query: str,
    found: set[str],
) -> None:
    api.as_(people["owner"]).made("/organizations/acme/teams", {"slug": "ours"})
    assert api.as_(people["member"]).delete("/organizations/acme").status_code == 403
    flushed()
    assert actions(api.as_(people["root"]).items(f"/audit?{query}")) == found


def test_a_span_of_time_has_its_beginning_and_not_its_end(
    api: ApiClient, root: Person, alice: Person, flushed: Callable[[], None]
) -> None:
    for slug in ("one", "two", "three"):
        api.as_(alice).made("/organizations", {"slug": slug})
    flushed()
    client = api.as_(root)
    newest = client.items("/audit?action=organization.create")
    assert [one["resource"]["name"] for one in newest] == ["three", "two", "one"]
    first, end = quote(newest[2]["time"]), quote(newest[0]["time"])
    within = client.items(f"/audit?action=organization.create&from={first}&to={end}")
    assert [one["time"] for one in within] == [
        one["time"] for one in newest if one["time"] < newest[0]["time"]
    ]
    for wrong in ("from=yesterday", "to=2026-01-01T00:00:00", "action=package.invent", "who=me"):
        name = wrong.partition("=")[0]
        assert pointers_of(client.get(f"/audit?{wrong}")) == {f"/{name}"}


def test_pages_go_through_everything_once_while_more_happens(
    api: ApiClient, root: Person, alice: Person, flushed: Callable[[], None]
) -> None:
    for number in range(7):
        api.as_(alice).made("/organizations", {"slug": f"org-{number}"})
    flushed()
    client, seen, cursor = api.as_(root), [], ""
    while True:
        page = client.read(f"/audit?action=organization.create&limit=2{cursor}")
        seen += [one["resource"]["name"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
        api.as_(alice).made("/organizations", {"slug": f"late-{len(seen)}"})
        flushed()
    assert seen == [f"org-{number}" for number in reversed(range(7))]


def test_an_organization_is_found_by_its_earlier_slugs_too(
    api: ApiClient, alice: Person, acme: str, flushed: Callable[[], None]
) -> None:
    client = api.as_(alice)
    assert client.patch("/organizations/acme", {"slug": "acme-two"}).status_code == 200
    client.made("/organizations/acme-two/teams", {"slug": "ours"})
    flushed()
    expected = {"organization.create", "organization.update", "repository.create", "team.create"}
    for reference in ("acme-two", acme):
        found = actions(client.items(f"/audit?org={reference}"))
        assert found & expected == expected - {"repository.create"}


def test_who_takes_the_slug_of_an_organization_that_is_gone_sees_nothing_of_it(
    api: ApiClient, alice: Person, bob: Person, flushed: Callable[[], None]
) -> None:
    api.as_(alice).made("/organizations", {"slug": "fleeting"})
    assert api.as_(alice).delete("/organizations/fleeting").status_code == 204
    api.as_(bob).made("/organizations", {"slug": "fleeting"})
    flushed()
    found = api.as_(bob).items("/audit?org=fleeting")
    assert {one["actor"]["name"] for one in found} == {"bob"}


def test_a_limited_token_sees_what_is_within_its_limits(
    api: ApiClient, world: World, alice: Person, acme: str, flushed: Callable[[], None]
) -> None:
    api.as_(alice).made("/organizations", {"slug": "second"})
    flushed()

    def seen(**limits: frozenset[str]) -> list[dict[str, Any]]:
        person = world.with_token(alice.user, TokenLimits(**limits))
        return api.as_(person).items("/audit")

    assert {one["organization"] for one in seen(organizations=frozenset({acme}))} == {"acme"}
    assert seen(packages=frozenset({"left-pad"})) == []
    for limits in (
        TokenLimits(actions=frozenset({"write"})),
        TokenLimits(protocols=frozenset({"npm"})),
    ):
        person = world.with_token(alice.user, limits)
        assert api.as_(person).get("/audit").status_code == 403


def test_an_export_of_the_whole_chain_can_be_checked_and_is_an_event_itself(
    api: ApiClient, root: Person, alice: Person, acme: str, flushed: Callable[[], None]
) -> None:
    del acme
    flushed()
    lines = api.as_(root).get("/audit/export").get_data().splitlines()
    events = [json.loads(line) for line in lines]
    assert [one["seq"] for one in events] == list(range(1, len(events) + 1))
    assert all(one["prev_hash"] == before["hash"] for before, one in pairwise(events))
    own = api.as_(alice).get("/audit/export?org=acme").get_data().splitlines()
    assert own
    assert {json.loads(line)["organization"] for line in own} == {"acme"}
    flushed()
    exports = api.as_(root).items("/audit?action=audit.export")
    assert [one["details"]["filter"] for one in exports] == [{"organization": "acme"}, {}]


def test_a_long_export_comes_in_order_and_whole(
    api: ApiClient, app: Flask, root: Person, alice: Person, flushed: Callable[[], None]
) -> None:
    with app.app_context():
        for number in range(2_500):
            audit.record(
                AuditAction.TAG_SET,
                actor=alice.principal.actor,
                resource=audit.Resource(type="package", name=f"package-{number}"),
            )
    flushed()
    lines = api.as_(root).get("/audit/export?action=tag.set").get_data().splitlines()
    times = [json.loads(line)["time"] for line in lines]
    assert len(times) == 2_500
    assert times == sorted(times)


def test_platform_admins_have_the_chain_checked(
    api: ApiClient, app: Flask, root: Person, alice: Person, flushed: Callable[[], None]
) -> None:
    api.as_(alice).made("/organizations", {"slug": "acme"})
    flushed()
    client = api.as_(root)
    whole = client.read("/audit/verify")
    assert (whole["valid"], whole["first_bad"]) == (True, None)
    anchor = f"expect_seq={whole['last']['seq']}&expect_hash={whole['last']['hash']}"
    assert client.read(f"/audit/verify?{anchor}")["valid"]
    assert not client.read(f"/audit/verify?expect_seq=1&expect_hash={'0' * 64}")["valid"]
    assert pointers_of(client.get("/audit/verify?expect_seq=1")) == {"/expect_hash"}
    with app.app_context():
        audit_rows().update_one({"_id": 2}, {"$set": {"action": "auth.logout"}})
    broken = client.read("/audit/verify")
    assert (broken["valid"], broken["checked"], broken["first_bad"]) == (False, 1, 2)
    assert code_of(api.as_(alice).get("/audit/verify")) == "forbidden"


def test_times_of_any_offset_mean_the_same(
    api: ApiClient, root: Person, alice: Person, acme: str, flushed: Callable[[], None]
) -> None:
    del alice, acme
    flushed()
    client = api.as_(root)
    (event,) = client.items("/audit?action=organization.create")
    moment = datetime.fromisoformat(event["time"])
    for zone in (UTC, (moment + timedelta()).astimezone().tzinfo):
        shown = quote(moment.astimezone(zone).isoformat())
        assert client.items(f"/audit?action=organization.create&from={shown}") == [event]
