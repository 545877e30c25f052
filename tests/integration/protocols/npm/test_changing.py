"""Deprecations, stars and withdrawals, and what of them is written down."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from app.auth.principal import TokenLimits
from app.models import AuditRecord, Package, PendingEvent, Version
from app.models.rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import TestResponse

    from tests.acme import Acme
    from tests.integration.protocols.npm.conftest import Npm
    from tests.world import World


def _events(action: str) -> list[dict[str, Any]]:
    events = [json.loads(one.body) for one in PendingEvent.objects.order_by("id")]
    assert AuditRecord.objects.count() == 0
    return [one["details"] for one in events if one["action"] == action]


def _deprecate(npm: Npm, messages: dict[str, str], **more: object) -> TestResponse:
    document = {
        "_id": "@acme/thing",
        "name": "@acme/thing",
        "versions": {number: {"deprecated": message} for number, message in messages.items()},
        **more,
    }
    return npm.request("PUT", "@acme%2fthing", json.dumps(document).encode())


def test_only_the_messages_that_differ_are_written(npm: Npm) -> None:
    for number in ("1.0.0", "1.1.0", "2.0.0"):
        npm.published(version=number)
    _deprecate(npm, {"1.0.0": "use 2", "1.1.0": "", "2.0.0": ""})
    _deprecate(npm, {"1.0.0": "use 2", "1.1.0": "use 3", "2.0.0": ""})
    assert _events("package.deprecate") == [
        {"version": "1.0.0", "message": "use 2"},
        {"version": "1.1.0", "message": "use 3"},
    ]
    versions = npm.packument()["versions"]
    assert {number: one.get("deprecated") for number, one in versions.items()} == {
        "1.0.0": "use 2",
        "1.1.0": "use 3",
        "2.0.0": None,
    }


def test_a_deprecation_that_says_nothing_new_changes_nothing(npm: Npm) -> None:
    npm.published()
    _deprecate(npm, {"1.0.0": "use 2"})
    before = npm.get("@acme/thing")
    revision = before.get_json()["_rev"]
    again = _deprecate(npm, {"1.0.0": "use 2"}, _rev=revision)
    assert (again.status_code, again.get_json()["rev"]) == (201, revision)
    assert npm.get("@acme/thing").headers["ETag"] == before.headers["ETag"]
    assert len(_events("package.deprecate")) == 1


def test_an_old_packument_is_a_conflict_even_if_it_says_nothing_new(npm: Npm) -> None:
    npm.published()
    revision = npm.packument()["_rev"]
    npm.published(version="1.1.0")
    answer = _deprecate(npm, {"1.0.0": ""}, _rev=revision)
    assert (answer.status_code, answer.get_json()) == (409, {"error": "Document update conflict."})


def test_a_version_that_is_not_there_is_not_deprecated(npm: Npm) -> None:
    npm.published()
    answer = _deprecate(npm, {"1.0.0": "x", "9.0.0": "x"})
    assert answer.status_code == 400
    assert "9.0.0 is not published" in answer.get_json()["error"]
    assert "deprecated" not in npm.packument()["versions"]["1.0.0"]


def test_thousands_of_versions_are_deprecated_at_once(npm: Npm) -> None:
    npm.published()
    row = rows_of(Version).find_one({})
    assert row is not None
    numbers = [f"2.0.{number}" for number in range(5000)]
    template = {name: value for name, value in row.items() if name != "_id"}
    rows_of(Version).insert_many({**template, "number": number} for number in numbers)
    assert _deprecate(npm, dict.fromkeys(numbers, "use 3")).status_code == 201
    assert rows_of(Version).count_documents({"deprecated": "use 3"}) == 5000
    assert len(_events("package.deprecate")) == 5000
    assert Package.objects.get().revision == 2


def _star(npm: Npm, username: str) -> list[TestResponse]:
    """Give a star, as npm and as pnpm do."""
    body = {"_id": "@acme/thing", "users": {username: True}}
    return [
        npm.request("PUT", "@acme%2fthing", json.dumps(body).encode()),
        npm.request("PUT", "-/user/v1/star", b'{"name": "@acme/thing"}'),
    ]


@pytest.fixture
def reader_with(npm_as: Any, acme: Acme, world: World) -> Callable[[TokenLimits], Npm]:
    """Speak npm as the reader, with a token of these limits."""
    return lambda limits: npm_as(world.with_token(acme.reader.user, limits))


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        (TokenLimits(actions=frozenset({"read"})), 403),
        (TokenLimits(actions=frozenset({"read", "delete"})), 403),
        (TokenLimits(actions=frozenset({"read", "write"})), 201),
        (TokenLimits(packages=frozenset({"@acme/thing"})), 201),
    ],
    ids=["read", "read, delete", "read, write", "this package"],
)
def test_a_star_needs_a_token_that_writes(
    limits: TokenLimits, status: int, npm: Npm, reader_with: Callable[[TokenLimits], Npm]
) -> None:
    npm.published()
    by_npm, by_pnpm = _star(reader_with(limits), "rita")
    assert (by_npm.status_code, by_pnpm.status_code) == (status, 200 if status == 201 else 403)
    assert ("users" in npm.packument()) is (status == 201)


def _withdraw(npm: Npm, version: str, tags: dict[str, str]) -> TestResponse:
    packument = npm.get("@acme/thing?write=true").get_json()
    packument["versions"].pop(version, None)
    packument["dist-tags"] = tags
    path = f"@acme%2fthing/-rev/{packument['_rev']}"
    return npm.request("PUT", path, json.dumps(packument).encode())


def test_tags_that_a_withdrawal_moves_and_drops_are_recorded(npm: Npm) -> None:
    npm.published(version="1.0.0")
    npm.published(version="1.1.0", tag="next")
    npm.published(version="2.0.0", tag="beta")
    assert _withdraw(npm, "2.0.0", {"latest": "1.1.0"}).status_code == 201
    assert _events("package.unpublish") == [{"version": "2.0.0"}]
    assert _events("tag.set") == [{"tag": "latest", "version": "1.1.0"}]
    assert [one["tag"] for one in _events("tag.remove")] == ["beta", "next"]
    assert _events("package.delete") == []


def test_tags_that_lose_their_version_are_recorded(npm: Npm) -> None:
    npm.published(version="1.0.0")
    npm.published(version="2.0.0")
    npm.published(version="1.5.0", tag="old")
    revision = npm.packument()["_rev"]
    path = f"@acme/thing/-/thing-2.0.0.tgz/-rev/{revision}"
    assert npm.request("DELETE", path).status_code == 200
    assert npm.packument()["dist-tags"] == {"old": "1.5.0", "latest": "1.5.0"}
    assert _events("tag.set") == [{"tag": "latest", "version": "1.5.0"}]
    assert _events("tag.remove") == []


def test_a_package_that_goes_with_its_last_version_is_recorded(npm: Npm) -> None:
    npm.published()
    assert _withdraw(npm, "1.0.0", {}).status_code == 201
    assert npm.get("@acme/thing").status_code == 404
    assert _events("package.unpublish") == [{"version": "1.0.0"}]
    assert _events("package.delete") == [{}]
