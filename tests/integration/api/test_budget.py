"""How many requests a caller may send to the management API, and what they are told."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import pytest

from tests.world import PASSWORD

if TYPE_CHECKING:
    from flask import Flask
    from redis import Redis
    from werkzeug.test import TestResponse

    from config.settings import Settings
    from tests.api_client import ApiClient
    from tests.world import Person

MOST = 3


@pytest.fixture(autouse=True)
def few_requests(app: Flask, settings: Settings) -> None:
    """Each caller has three requests a minute."""
    app.extensions["packhouse.settings"] = settings.model_copy(
        update={"rate_limit_management": MOST}
    )


def left(answer: TestResponse, what: str = "management") -> int:
    """Return what an answer says is left of the minute."""
    assert answer.headers["RateLimit-Policy"] == f'"{what}";q={MOST};w=60'
    name, remaining, seconds = answer.headers["RateLimit"].split(";")
    assert name == f'"{what}"'
    assert 0 < int(seconds.removeprefix("t=")) <= 60
    return int(remaining.removeprefix("r="))


def test_a_caller_who_asks_too_often_is_told_when_to_come_back(
    api: ApiClient, alice: Person, bob: Person
) -> None:
    client = api.as_(alice)
    assert [left(client.get("/auth/me")) for _ in range(MOST)] == [2, 1, 0]
    refused = client.get("/auth/me")
    assert (refused.status_code, refused.get_json()["code"]) == (429, "too_many_requests")
    assert left(refused) == 0
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert client.post("/organizations", {"slug": "late"}).status_code == 429
    assert left(api.as_(bob).get("/auth/me")) == 2
    assert left(api.get("/organizations/nowhere")) == 2


def test_signing_in_is_counted_by_the_address_alone(api: ApiClient, alice: Person) -> None:
    wanted = {"username": "alice", "password": PASSWORD}
    signed_in = [api.post("/auth/login", wanted) for _ in range(MOST)]
    assert [one.status_code for one in signed_in] == [200] * MOST
    assert [left(one, "sign-in") for one in signed_in] == [2, 1, 0]
    assert api.post("/auth/login", wanted).status_code == 429
    assert left(api.as_(alice).get("/auth/me")) == 2


def test_errors_say_what_is_left_too(api: ApiClient, alice: Person) -> None:
    answer = api.as_(alice).get("/organizations/nowhere")
    assert (answer.status_code, left(answer)) == (404, 2)


def test_the_minute_ends(api: ApiClient, alice: Person, redis: Redis, redis_prefix: str) -> None:
    client = api.as_(alice)
    for _ in range(MOST + 1):
        client.get("/auth/me")
    (key,) = redis.keys(f"{redis_prefix}budget:management:user:*")
    assert 0 < redis.pttl(key) <= 60_000
    redis.delete(key)  # as if it had
    assert left(client.get("/auth/me")) == 2


def test_package_managers_are_not_counted(api: ApiClient, alice: Person, app: Flask) -> None:
    for _ in range(MOST + 1):
        answer = app.test_client().get("/npm/-/whoami", headers=alice.bearer)
        assert answer.status_code == 200
        assert "RateLimit" not in answer.headers
    assert left(api.as_(alice).get("/auth/me")) == 2


def test_exempt_networks_have_no_limit(
    api: ApiClient, alice: Person, app: Flask, settings: Settings
) -> None:
    app.extensions["packhouse.settings"] = settings.model_copy(
        update={
            "rate_limit_management": MOST,
            "rate_limit_exempt_networks": (ipaddress.ip_network("127.0.0.0/8"),),
        }
    )
    for _ in range(MOST + 1):
        answer = api.as_(alice).get("/auth/me")
        assert answer.status_code == 200
        assert "RateLimit" not in answer.headers
