"""That a refused sign-in tells nothing of the account: not what it says, nor what it costs.

What time would tell follows from what is done, and that is counted here: the password
hashes, what MongoDB and Redis are asked. ``bench/sign_in_timing.py`` measures the time.
"""

from __future__ import annotations

import hashlib
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from redis import Redis

from app.auth import users
from app.auth.passwords import EncodedPassword
from app.auth.throttle import PAIR_LIMIT
from app.extensions import bind
from app.models import User, connection
from app.offload import off_hub
from tests.sign_in_doors import DOORS, PROXY, Door

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from flask import Flask
    from pymongo.database import Database
    from werkzeug.test import TestResponse

    from config.settings import Settings
    from tests.world import World

    Measure: TypeAlias = Callable[[Door, str], "tuple[TestResponse, Cost]"]

ADDRESS = "198.51.100.7"
WRONG = "a wrong password"
NOBODY = "nobody"
# Their names are as long as the one that nobody has, and so are the refusals.
WRONG_PASSWORD, CLOSED, WITHOUT_PASSWORD, OLD_HASH = "wronga", "closed", "nopass", "oldone"
ACCOUNTS = (WRONG_PASSWORD, CLOSED, WITHOUT_PASSWORD, OLD_HASH)
ITERATIONS, OLD_ITERATIONS = 1000, 400
UNAUTHORIZED, TOO_OFTEN = 401, 429


class RecordingRedis(Redis):
    """A client that keeps the names of the commands that it sends."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.sent: list[str] = []

    def execute_command(self, *args: Any, **options: Any) -> Any:
        self.sent.append(str(args[0]))
        return super().execute_command(*args, **options)


@dataclass
class Cost:
    """What one request made the registry do.

    Attributes:
        derivations: calls of PBKDF2.
        iterations: of all of them together.
        mongodb: operation and collection of each command, in order.
        redis: the commands, in order.
    """

    derivations: int = 0
    iterations: int = 0
    mongodb: list[str] = field(default_factory=list)
    redis: list[str] = field(default_factory=list)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"trusted_proxies": (ip_network(PROXY),), "password_iterations": ITERATIONS}
    )


@pytest.fixture(autouse=True)
def accounts(app: Flask, world: World) -> None:
    """Each kind of account that a wrong password may be for."""
    people = {username: world.person(username).user.id for username in ACCOUNTS}
    root = world.person("root", admin=True).principal
    old = EncodedPassword(iterations=OLD_ITERATIONS, salt=b"salt", digest=b"digest")
    with app.app_context():
        users.deactivate(root, people[CLOSED])
        User.objects(id=people[WITHOUT_PASSWORD]).update(set__password_hash="")
        User.objects(id=people[OLD_HASH]).update(set__password_hash=str(old))


@pytest.fixture
def redis_commands(app: Flask, settings: Settings) -> Iterator[list[str]]:
    """What the app asks Redis from now on."""
    its_own = app.extensions["packhouse.redis"]
    with RecordingRedis.from_url(settings.redis_url) as client:
        bind(app, "redis", client)
        yield client.sent
    bind(app, "redis", its_own)


@pytest.fixture
def database(app: Flask, settings: Settings) -> Iterator[Database[dict[str, Any]]]:
    """The app's own; MongoDB may record what it is asked about it."""
    del app
    database = connection.client()[settings.mongodb_db]
    yield database
    database.command("profile", 0)
    database.drop_collection("system.profile")


@contextmanager
def counted_hashing(cost: Cost) -> Iterator[None]:
    """Count the password hashes of a block."""

    def see(frame: FrameType, event: str, what: Any) -> None:
        if event == "c_call" and what is hashlib.pbkdf2_hmac:
            cost.derivations += 1
        if event == "call" and frame.f_code is off_hub.__code__:
            cost.iterations += frame.f_locals["args"][-1]

    sys.setprofile(see)
    try:
        yield
    finally:
        sys.setprofile(None)


@contextmanager
def counted_queries(cost: Cost, database: Database[dict[str, Any]]) -> Iterator[None]:
    """Count what a block asks MongoDB."""
    recorded = database["system.profile"]
    recorded.drop()
    database.command("profile", 2)
    try:
        yield
    finally:
        database.command("profile", 0)
    cost.mongodb = [f"{one['op']} {one['ns'].partition('.')[2]}" for one in recorded.find()]


@pytest.fixture
def measure(app: Flask, redis_commands: list[str], database: Database[dict[str, Any]]) -> Measure:
    """Send a wrong password, and tell what that cost."""
    client = app.test_client(use_cookies=False)

    def send(door: Door, identifier: str) -> tuple[TestResponse, Cost]:
        cost = Cost()
        redis_commands.clear()
        with counted_queries(cost, database), counted_hashing(cost):
            answer = door.knock(client, identifier, WRONG, ADDRESS)
        cost.redis = list(redis_commands)
        return answer, cost

    return send


def shown(answer: TestResponse, identifier: str) -> tuple[int, str, list[tuple[str, str]]]:
    """Return all that a client sees, but for the name that it sent itself."""
    text = answer.get_data(as_text=True).replace(identifier, "…")
    return answer.status_code, text, sorted(answer.headers)


@pytest.mark.parametrize("door", DOORS, ids=str)
def test_every_refusal_says_and_costs_the_same(door: Door, measure: Measure) -> None:
    answer, cost = measure(door, NOBODY)
    assert answer.status_code == UNAUTHORIZED
    assert (cost.derivations, cost.iterations) == (1, ITERATIONS)
    assert cost.mongodb == ["query users"] * len(cost.mongodb) != []
    assert cost.redis.count("EVAL") == 2  # let in, and found wrong
    for identifier in (WRONG_PASSWORD, CLOSED, WITHOUT_PASSWORD):
        other_answer, other_cost = measure(door, identifier)
        assert shown(other_answer, identifier) == shown(answer, NOBODY)
        assert other_cost == cost


@pytest.mark.parametrize("door", DOORS, ids=str)
def test_a_password_that_was_hashed_less_is_hashed_as_much_all_the_same(
    door: Door, measure: Measure
) -> None:
    answer, cost = measure(door, NOBODY)
    other_answer, other_cost = measure(door, OLD_HASH)
    assert shown(other_answer, OLD_HASH) == shown(answer, NOBODY)
    assert other_cost == replace(cost, derivations=2)


@pytest.mark.parametrize("door", DOORS, ids=str)
def test_a_delay_tells_nothing_either(door: Door, measure: Measure) -> None:
    for identifier in (NOBODY, WRONG_PASSWORD):
        for _ in range(PAIR_LIMIT):
            assert measure(door, identifier)[0].status_code == UNAUTHORIZED
    (answer, cost), (other_answer, other_cost) = (
        measure(door, identifier) for identifier in (NOBODY, WRONG_PASSWORD)
    )
    assert answer.status_code == other_answer.status_code == TOO_OFTEN
    assert (cost.derivations, cost.iterations) == (0, 0)
    assert other_cost == cost
    (text, other_text) = (
        re.sub("[0-9]+ seconds", "… seconds", shown(one, identifier)[1])
        for one, identifier in ((answer, NOBODY), (other_answer, WRONG_PASSWORD))
    )
    assert text == other_text
