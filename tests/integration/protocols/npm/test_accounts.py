from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from app.auth import token_format
from app.auth.principal import TokenLimits
from app.auth.throttle import PAIR_LIMIT
from app.models import ApiToken, User
from tests.npm_wire import a_publish
from tests.world import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from werkzeug.test import TestResponse

    from config.settings import Settings
    from tests.acme import Acme
    from tests.integration.protocols.npm.conftest import Npm
    from tests.world import Person, World


def _ask_for_a_token(npm: Npm, **asked: object) -> TestResponse:
    body = json.dumps({"name": "ci", "password": PASSWORD, **asked}).encode()
    return npm.request("POST", "-/npm/v1/tokens", body)


@pytest.fixture
def with_token(npm: Npm, npm_as: Any) -> Callable[..., Npm]:
    """Speak npm with a token that was made as asked, by the maintainer."""

    def make(**asked: object) -> Npm:
        answer = _ask_for_a_token(npm, **asked)
        assert answer.status_code == 201, answer.get_data()
        found: Npm = npm_as()
        found.headers = {"Authorization": f"Bearer {answer.get_json()['token']}"}
        return found

    return make


@pytest.mark.parametrize(
    "asked",
    [
        {"readonly": True},
        {"packages_and_scopes_permission": "read-only"},
        {"orgs_permission": "read-only"},
        {"packages_and_scopes_permission": "read-only", "orgs_permission": "read-only"},
        {"readonly": True, "packages_and_scopes_permission": "read-write"},
    ],
)
def test_a_token_for_reading_only_reads(
    asked: dict[str, object], npm: Npm, with_token: Callable[..., Npm]
) -> None:
    npm.published()
    reader = with_token(**asked)
    assert reader.get("@acme/thing").status_code == 200
    refused = reader.publish(a_publish("@acme/thing", "2.0.0"))
    assert refused.status_code == 403
    assert "limited to the actions read" in refused.get_json()["error"]


def test_a_token_is_limited_to_organizations(
    npm: Npm, acme: Acme, world: World, with_token: Callable[..., Npm]
) -> None:
    world.organization("beta", acme.maintainer)
    npm.published("@beta/other")
    npm.published("@acme/thing")
    limited = with_token(
        orgs=["beta"], orgs_permission="read-write", packages_and_scopes_permission="read-write"
    )
    limited.published("@beta/other", "2.0.0")
    refused = limited.get("@acme/thing")
    assert refused.status_code == 403
    assert "limited to other organizations" in refused.get_json()["error"]


def test_a_token_is_limited_to_packages(npm: Npm, with_token: Callable[..., Npm]) -> None:
    npm.published("@acme/thing")
    npm.published("@acme/other")
    limited = with_token(packages=["@acme/thing"])
    limited.published("@acme/thing", "2.0.0")
    assert limited.publish(a_publish("@acme/other", "2.0.0")).status_code == 403


def test_a_token_that_reaches_all_packages_is_not_limited_to_any(
    npm: Npm, with_token: Callable[..., Npm]
) -> None:
    npm.published("@acme/thing")
    with_token(packages_all=True, bypass_2fa=True, expires=7).published("@acme/other")


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"scopes": ["@acme"]}, "cannot limit a token to scopes"),
        ({"scopes": "@acme"}, "'scopes' must be a list"),
        ({"orgs": ["nobody"]}, "no organization nobody"),
        ({"orgs": ["hidden"]}, "no organization hidden"),
        ({"orgs": {"acme": 1}}, "'orgs' must be a list"),
        ({"orgs_permission": "no-access"}, "'orgs_permission' can be read-only or read-write"),
        ({"orgs_permission": []}, "'orgs_permission' can be"),
        ({"packages_and_scopes_permission": "no-access"}, "_permission' can be"),
        ({"packages_and_scopes_permission": "read-write-stage-only"}, "stages no releases"),
        (
            {"packages_and_scopes_permission": "read-write", "orgs_permission": "read-only"},
            "one permission for packages and organizations",
        ),
        ({"packages": ["@acme/thing"], "packages_all": True}, "not both"),
        ({"packages": ["@acme/*"]}, "is not allowed"),
        ({"packages": [1]}, "'packages' must be a list"),
        ({"readonly": "no"}, "'readonly' must be true or false"),
        ({"expires": 0}, "'expires' must be a number of days"),
    ],
    ids=str,
)
def test_what_a_token_cannot_be_limited_to_is_refused(
    asked: dict[str, object], complaint: str, npm: Npm, acme: Acme, world: World
) -> None:
    world.organization("hidden", acme.outsider)
    before = ApiToken.objects.count()
    answer = _ask_for_a_token(npm, **asked)
    assert answer.status_code == 400
    assert complaint in answer.get_json()["error"]
    assert ApiToken.objects.count() == before


@pytest.fixture
def limited(acme: Acme, world: World, npm_as: Any) -> Callable[..., tuple[Npm, Person]]:
    """Speak npm with a token of the maintainer's that has these limits."""

    def make(**limits: frozenset[str]) -> tuple[Npm, Person]:
        person = world.with_token(acme.maintainer.user, TokenLimits(**limits))
        return npm_as(person), person

    return make


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "-/whoami"),
        ("GET", "-/user/org.couchdb.user:mallory"),
        ("GET", "-/npm/v1/tokens"),
        ("POST", "-/npm/v1/tokens"),
        ("GET", "-/npm/v1/user"),
        ("POST", "-/npm/v1/user"),
    ],
)
def test_an_account_is_closed_to_tokens_for_other_doors(
    method: str, path: str, limited: Callable[..., tuple[Npm, Person]]
) -> None:
    elsewhere, _ = limited(protocols=frozenset({"api"}))
    body = json.dumps({"password": PASSWORD}).encode() if method == "POST" else None
    refused = elsewhere.request(method, path, body)
    assert refused.status_code == 403
    assert "limited to api" in refused.get_json()["error"]


@pytest.mark.parametrize(
    "limits",
    [
        {"protocols": frozenset({"api"})},
        {"actions": frozenset({"read"})},
        {"packages": frozenset({"@acme/thing"})},
    ],
    ids=str,
)
def test_a_limited_token_ends_itself_and_no_other(
    limits: dict[str, frozenset[str]],
    npm: Npm,
    acme: Acme,
    limited: Callable[..., tuple[Npm, Person]],
) -> None:
    caller, person = limited(**limits)
    sibling = npm.get("-/npm/v1/tokens").get_json()["objects"][-1]["key"]
    for path in (
        f"-/user/token/{acme.maintainer.token}",
        f"-/npm/v1/tokens/token/{acme.maintainer.token}",
        f"-/npm/v1/tokens/token/{sibling}",
    ):
        assert caller.request("DELETE", path).status_code == 403
    assert npm.get("-/whoami").status_code == 200
    assert caller.request("DELETE", f"-/user/token/{person.token}").status_code == 200
    assert caller.get("-/ping").status_code == 200
    assert caller.get("-/whoami").status_code == 401


def test_a_token_ends_itself_by_its_key(limited: Callable[..., tuple[Npm, Person]]) -> None:
    caller, person = limited(actions=frozenset({"read"}))
    listed = caller.get("-/npm/v1/tokens").get_json()["objects"]
    (key,) = (one["key"] for one in listed if one["key"] == token_format.digest(person.token))
    assert caller.request("DELETE", f"-/npm/v1/tokens/token/{key}").status_code == 204
    assert caller.get("-/whoami").status_code == 401


@pytest.mark.parametrize("path", ["-/user/token/srg_none", "-/npm/v1/tokens/token/none"])
def test_nobody_ends_a_token(path: str, npm_as: Any) -> None:
    assert npm_as().request("DELETE", path).status_code == 401


def test_an_email_address_is_shown_to_its_owner_only(
    npm: Npm, acme: Acme, world: World, npm_as: Any
) -> None:
    path = "-/user/org.couchdb.user:mallory"
    own = npm.get(path).get_json()
    assert (own["name"], own["email"]) == ("mallory", "mallory@packhouse.test")
    for other in (acme.owner, acme.outsider, world.person("root-admin", admin=True)):
        shown = npm_as(other).get(path).get_json()
        assert shown["name"] == "mallory"
        assert shown["email"] == ""
    assert npm_as(acme.outsider).get(path.replace("mallory", "nobody")).status_code == 404
    assert npm_as().get(path).status_code == 401


def test_packages_of_a_user_tell_nobody_who_there_is(npm: Npm, acme: Acme, npm_as: Any) -> None:
    npm.published("@acme/thing")
    assert npm_as(acme.reader).get("-/user/mallory/package").get_json() == {"@acme/thing": "write"}
    anonymous, outsider = npm_as(), npm_as(acme.outsider)
    for name in ("mallory", "nobody", "mallory@packhouse.test", "no%20name"):
        assert anonymous.get(f"-/user/{name}/package").status_code == 401
        answer = outsider.get(f"-/user/{name}/package")
        assert (answer.status_code, answer.get_json()) == (200, {})
    assert npm_as(acme.reader).get("-/user/mallory@packhouse.test/package").get_json() == {}


def _sign_in(npm: Npm, username: str, password: str, **more: str) -> TestResponse:
    body = {"_id": f"org.couchdb.user:{username}", "name": username, "password": password, **more}
    return npm.request("PUT", f"-/user/org.couchdb.user:{username}", json.dumps(body).encode())


@pytest.fixture
def anybody(npm_as: Any, app: Flask, settings: Settings) -> Npm:
    """Speak npm as nobody, to a registry that takes registrations."""
    app.extensions["packhouse.settings"] = settings.model_copy(update={"allow_registration": True})
    found: Npm = npm_as()
    return found


def test_who_is_new_is_registered_by_signing_in_with_an_address(anybody: Npm) -> None:
    made = _sign_in(anybody, "nora", PASSWORD, email="nora@packhouse.test")
    assert made.status_code == 201
    anybody.headers = {"Authorization": f"Bearer {made.get_json()['token']}"}
    assert anybody.get("-/whoami").get_json() == {"username": "nora"}
    weak = _sign_in(anybody, "wilma", "short", email="wilma@packhouse.test")
    assert weak.status_code == 422
    assert User.objects(username="wilma").first() is None


def test_somebody_elses_address_registers_nobody(anybody: Npm, acme: Acme) -> None:
    answer = _sign_in(anybody, "nora", PASSWORD, email=acme.reader.user.email)
    assert answer.status_code == 401
    assert User.objects(username="nora").first() is None


@pytest.mark.usefixtures("acme")
def test_a_guess_at_an_existing_account_is_a_failed_sign_in(anybody: Npm) -> None:
    """Whatever the rules for new passwords say of it, and the address that it comes with."""
    answers = [
        _sign_in(anybody, "rita", f"guess {number}", email="x@packhouse.test")
        for number in range(PAIR_LIMIT + 1)
    ]
    assert [one.status_code for one in answers] == [401] * PAIR_LIMIT + [429]
    assert answers[0].get_json() == {"error": "Incorrect username or password."}


@pytest.mark.usefixtures("acme")
def test_an_existing_account_signs_in_with_an_address_beside(anybody: Npm) -> None:
    answer = _sign_in(anybody, "rita", PASSWORD, email="elsewhere@packhouse.test")
    assert answer.status_code == 201
    assert User.objects(username="rita").get().email == "rita@packhouse.test"


def test_a_profile_says_that_nobody_checked_its_address(npm: Npm) -> None:
    shown = npm.get("-/npm/v1/user").get_json()
    assert (shown["email"], shown["email_verified"]) == ("mallory@packhouse.test", False)
    whole = {**shown, "fullname": "Mallory M.", "tfa": None}  # as npm profile set sends it
    changed = npm.request("POST", "-/npm/v1/user", json.dumps(whole).encode())
    assert changed.get_json()["fullname"] == "Mallory M."
    whole["email"] = "ceo@acme.test"
    refused = npm.request("POST", "-/npm/v1/user", json.dumps(whole).encode())
    assert refused.status_code == 403
    assert "change an e-mail address" in refused.get_json()["error"]
    assert npm.get("-/npm/v1/user").get_json()["email"] == "mallory@packhouse.test"
