"""Ten thousand wrong passwords for one account, through every door that takes passwords.

Half of them come from one address, half from a thousand.
The tests of ``app.auth.throttle`` say who has to wait, and how long; these say that no door
leads around that. Each attack takes some seconds, in which a few more attempts are due.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from itertools import cycle, repeat
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from app import audit
from app.auth.throttle import (
    ACCOUNT_LIMIT,
    ADDRESS_LIMIT,
    LONGEST_DELAY_SECONDS,
    PAIR_LIMIT,
    SECONDS_BETWEEN_TURNS,
)
from app.models import AuditRecord
from tests.sign_in_doors import DOORS, PROXY, Door
from tests.world import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Flask
    from redis import Redis

    from config.settings import Settings
    from tests.world import Person, World

ATTEMPTS = 5000
ADDRESSES = 1000
AT_ONCE = 8
HERE = "198.51.100.7"
ELSEWHERE = "203.0.113.9"
WRONG, TOO_OFTEN = 401, 429
DELAYS_THAT_END_MEANWHILE = 3  # the third after 105 seconds


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Behind a proxy, with the limits of a registry in use."""
    return settings.model_copy(
        update={"trusted_proxies": (ip_network(PROXY),), "rate_limit_management": 1200}
    )


@pytest.fixture
def alice(world: World) -> Person:
    return world.person("alice")


def guess(app: Flask, addresses: Iterable[str], times: int = ATTEMPTS) -> Counter[int]:
    """Try wrong passwords for Alice's account, some at a time.

    Returns:
        How often each status was the answer.
    """

    def attempt(number: int, door: Door, address: str) -> int:
        return knock(app, door, address, f"wrong password {number}")

    with ThreadPoolExecutor(AT_ONCE) as pool, capture_logs():  # nobody reads 5000 lines
        answers = Counter(pool.map(attempt, range(times), cycle(DOORS), addresses))
    assert set(answers) == {WRONG, TOO_OFTEN}
    return answers


def knock(app: Flask, door: Door, address: str, password: str = PASSWORD) -> int:
    client = app.test_client(use_cookies=False)
    return door.knock(client, "alice", password, address).status_code


def test_from_one_address(app: Flask, alice: Person, redis: Redis, redis_prefix: str) -> None:
    del alice
    answers = guess(app, repeat(HERE))
    assert PAIR_LIMIT <= answers[WRONG] <= PAIR_LIMIT + DELAYS_THAT_END_MEANWHILE
    for door in DOORS:
        assert knock(app, door, HERE) == TOO_OFTEN
        assert knock(app, door, ELSEWHERE) == door.welcome
    (state,) = redis.keys(f"{redis_prefix}sign-in:pair:*:state")
    assert 0 < redis.pttl(state) <= 2 * LONGEST_DELAY_SECONDS * 1000
    redis.hset(state, "until", 0)  # as if the delay were over, and the minute
    redis.delete(f"{redis_prefix}budget:sign-in:{HERE}")
    for door in DOORS:
        assert knock(app, door, HERE) == door.welcome


def test_from_many_addresses(app: Flask, alice: Person, redis: Redis, redis_prefix: str) -> None:
    del alice
    for door in DOORS:
        assert knock(app, door, HERE) == door.welcome
    began = time.monotonic()
    addresses = [f"192.0.{number // 250}.{number % 250}" for number in range(ADDRESSES)]
    answers = guess(app, cycle(addresses))
    turns = (time.monotonic() - began) / SECONDS_BETWEEN_TURNS
    assert ACCOUNT_LIMIT <= answers[WRONG] <= ACCOUNT_LIMIT + turns
    for door in DOORS:
        assert knock(app, door, HERE) == door.welcome
        assert knock(app, door, ELSEWHERE) == TOO_OFTEN
    client = app.test_client()
    refused = DOORS[0].knock(client, "alice", PASSWORD, ELSEWHERE)
    assert 0 < int(refused.headers["Retry-After"]) <= LONGEST_DELAY_SECONDS
    for turn in redis.keys(f"{redis_prefix}sign-in:pair:*:turn"):
        redis.set(turn, 0)  # as if all had come
    for door in DOORS:
        assert knock(app, door, ELSEWHERE) == door.welcome


def test_a_forged_address_is_no_other_one(app: Flask, alice: Person) -> None:
    del alice
    forged = (f"192.0.2.{number}, {HERE}" for number in range(100))
    assert guess(app, forged, 100)[WRONG] == PAIR_LIMIT


def test_a_refused_sign_in_counts_against_the_address_alone(
    app: Flask, alice: Person, world: World, redis: Redis, redis_prefix: str
) -> None:
    world.organization("acme", alice)
    guess(app, repeat(HERE), 200)
    assert not redis.keys(f"{redis_prefix}budget:*:user:*")
    for address in (HERE, ELSEWHERE):
        headers = {"X-Forwarded-For": address, **alice.bearer}
        answer = app.test_client().get("/api/v1/organizations/acme", headers=headers)
        assert answer.status_code == 200
    assert answer.headers["RateLimit"].startswith('"management";r=1198;')
    with app.app_context():
        audit.flush()
        failures: list[Any] = list(AuditRecord.objects(action="auth.login", result="failed"))
    assert len(failures) == PAIR_LIMIT
    for one in failures:
        assert (one.actor["type"], one.organization, one.ip) == ("anonymous", "", HERE)


def test_accounts_that_are_not_there_count_against_the_address_too(
    app: Flask, alice: Person
) -> None:
    del alice
    client = app.test_client(use_cookies=False)
    for number in range(ADDRESS_LIMIT):
        door = DOORS[number % len(DOORS)]
        refused = door.knock(client, f"nobody-{number}", "wrong password", HERE)
        assert refused.status_code == WRONG
    for door in DOORS:
        assert knock(app, door, HERE) == TOO_OFTEN
        assert knock(app, door, ELSEWHERE) == door.welcome


def test_a_remembered_password_is_not_told_by_waiting_less(app: Flask, alice: Person) -> None:
    del alice
    with_basic = DOORS[1]
    assert knock(app, with_basic, ELSEWHERE) == with_basic.welcome
    client = app.test_client(use_cookies=False)
    for number in range(ADDRESS_LIMIT):
        with_basic.knock(client, f"nobody-{number}", "wrong password", HERE)
    assert knock(app, with_basic, HERE, "wrong password") == TOO_OFTEN
    assert knock(app, with_basic, HERE) == TOO_OFTEN
