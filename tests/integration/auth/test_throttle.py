from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from redis import Redis as RedisClient
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.auth import throttle
from app.auth.principal import ClientInfo
from app.auth.throttle import Outcome
from app.errors import TooManyRequests
from app.extensions import bind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis import Redis

    from config.settings import Settings

START = datetime(2026, 1, 1, tzinfo=UTC)
HERE = ClientInfo(ip="198.51.100.7")
ELSEWHERE = ClientInfo(ip="203.0.113.9")


@pytest.fixture(autouse=True)
def app(settings: Settings, redis: Redis) -> Iterator[Flask]:
    app = Flask("throttle_tests")
    bind(app, "settings", settings)
    bind(app, "redis", redis)
    with app.app_context():
        yield app


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def attempt(
    seconds: float,
    outcome: Outcome = Outcome.WRONG,
    *,
    account: str = "alice",
    password: str = "wrong",  # noqa: S107  nobody's
    client: ClientInfo = HERE,
) -> int:
    admitted = throttle.admit(account, password, client, moment=at(seconds))
    return throttle.settle(admitted, outcome, moment=at(seconds))


def fail(times: int, *, seconds: float = 0, **where: object) -> None:
    for _ in range(times):
        attempt(seconds, **where)  # type: ignore[arg-type]  # the keywords of attempt


def wait_at(seconds: float, *, account: str = "alice", client: ClientInfo = HERE) -> int:
    try:
        admitted = throttle.admit(account, "another", client, moment=at(seconds))
    except TooManyRequests as refused:
        return refused.retry_after_seconds or -1
    throttle.settle(admitted, Outcome.UNKNOWN, moment=at(seconds))
    return 0


def test_ten_failures_make_the_next_attempt_wait() -> None:
    fail(9)
    assert wait_at(0) == 0
    assert attempt(0) == 15
    assert wait_at(0) == 15
    assert wait_at(14.5) == 1
    assert wait_at(15) == 0


def test_each_further_failure_doubles_the_wait_up_to_fifteen_minutes() -> None:
    fail(10)
    now, delays = 0, [15]
    for _ in range(8):
        now += delays[-1]
        delays.append(attempt(now))
    assert delays == [15, 30, 60, 120, 240, 480, 900, 900, 900]


def test_all_is_forgotten_after_fifteen_quiet_minutes(redis: Redis, redis_prefix: str) -> None:
    fail(10)
    lives = [redis.pttl(key) for key in redis.keys(f"{redis_prefix}sign-in:pair:*:state")]
    assert lives
    assert all(900_000 < life <= 915_000 for life in lives)


def test_nothing_is_kept_for_ever(redis: Redis, redis_prefix: str) -> None:
    fail(10)
    throttle.admit("bob", "pending", HERE, moment=at(0))
    keys = redis.keys(f"{redis_prefix}*")
    assert len(keys) == 7
    assert all(0 < redis.pttl(key) <= 1_800_000 for key in keys)


def test_failures_count_for_five_minutes() -> None:
    fail(9, seconds=0)
    assert attempt(300.1) == 0
    assert wait_at(301) == 0


def test_other_addresses_are_never_affected() -> None:
    fail(10)
    assert wait_at(0) > 0
    assert wait_at(0, client=ELSEWHERE) == 0


def test_other_accounts_at_the_address_are_not_affected_yet() -> None:
    fail(10)
    assert wait_at(0, account="bob") == 0


def test_sixty_failures_make_the_whole_address_wait_and_no_other() -> None:
    for number in range(12):
        fail(5, account=f"user-{number}")
    assert wait_at(0, account="somebody-else") == 15
    assert wait_at(0, account="somebody-else", client=ELSEWHERE) == 0


def test_a_right_password_forgets_the_failures_of_its_account_there() -> None:
    fail(9)
    attempt(1, Outcome.RIGHT)
    fail(9, seconds=2)
    assert wait_at(2) == 0


def test_a_right_password_does_not_forget_those_of_the_address() -> None:
    for number in range(11):
        fail(5, account=f"user-{number}")
    attempt(0, Outcome.RIGHT, account="the-attackers-own")
    fail(5, account="another")
    assert wait_at(0, account="somebody-else") == 15


def test_a_hundred_at_the_same_moment_are_no_way_around_the_limit() -> None:
    for number in range(10):
        throttle.admit("alice", f"guess {number}", HERE, moment=at(0))
    for number in range(10, 100):
        with pytest.raises(TooManyRequests):
            throttle.admit("alice", f"guess {number}", HERE, moment=at(0))
    assert wait_at(0) == 1


def test_after_a_wait_one_attempt_at_a_time_is_let_through() -> None:
    fail(10)
    throttle.admit("alice", "first guess", HERE, moment=at(15))
    assert wait_at(15) == 1


def test_one_password_on_many_connections_counts_once() -> None:
    admitted = [throttle.admit("alice", "right", HERE, moment=at(0)) for _ in range(50)]
    for one in admitted:
        throttle.settle(one, Outcome.RIGHT, moment=at(0))
    assert wait_at(0) == 0


def test_an_attempt_whose_process_died_is_forgotten_after_a_minute() -> None:
    for number in range(10):
        throttle.admit("alice", f"guess {number}", HERE, moment=at(0))
    assert wait_at(59) == 1
    assert wait_at(61) == 0


def test_an_attempt_that_could_not_be_checked_is_no_failure() -> None:
    for _ in range(20):
        attempt(0, Outcome.UNKNOWN)
    assert wait_at(0) == 0


def test_a_remembered_password_counts_nothing_and_waits_like_any_other() -> None:
    for _ in range(20):
        throttle.admit_right("alice", "right", HERE, moment=at(0))
    fail(10)
    with pytest.raises(TooManyRequests) as refused:
        throttle.admit_right("alice", "right", HERE, moment=at(1))
    assert refused.value.retry_after_seconds == 14


def test_a_remembered_password_waits_where_the_address_does() -> None:
    for number in range(12):
        fail(5, account=f"user-{number}")
    with pytest.raises(TooManyRequests):
        throttle.admit_right("alice", "right", HERE, moment=at(0))
    throttle.admit_right("alice", "right", ELSEWHERE, moment=at(0))


def test_a_remembered_password_waits_while_others_are_looked_at() -> None:
    for number in range(10):
        throttle.admit("alice", f"guess {number}", HERE, moment=at(0))
    with pytest.raises(TooManyRequests):
        throttle.admit_right("alice", "right", HERE, moment=at(0))


def address(number: int) -> ClientInfo:
    return ClientInfo(ip=f"192.0.{number // 256}.{number % 256}")


def attack(times: int = 100, *, seconds: float = 0, account: str = "alice") -> None:
    """Fail from as many addresses, each of which is let through."""
    for number in range(times):
        attempt(seconds, account=account, client=address(number))


def test_under_an_attack_from_many_addresses_a_new_one_waits_for_its_turn() -> None:
    attack(99)
    assert wait_at(0) == 0
    attempt(0, client=ELSEWHERE)
    assert wait_at(0) == 1
    assert wait_at(0.9) == 1
    assert wait_at(1) == 0


def test_turns_are_a_second_apart_and_never_further_away_than_fifteen_minutes() -> None:
    attack()
    waits = [wait_at(0, client=address(1000 + number)) for number in range(1000)]
    assert waits == [*range(1, 901), *[900] * 100]


def test_a_turn_is_good_for_one_attempt() -> None:
    attack()
    assert wait_at(0) == 1
    attempt(1)
    assert wait_at(1) == 1


def test_a_turn_that_nobody_took_is_still_good_fifteen_minutes_later(
    redis: Redis, redis_prefix: str
) -> None:
    attack()
    assert wait_at(0) == 1
    (turn,) = redis.keys(f"{redis_prefix}sign-in:pair:*:turn")
    assert 900_000 < redis.pttl(turn) <= 901_000


def test_asking_again_does_not_move_the_turn() -> None:
    attack()
    assert [wait_at(0, client=address(1000 + number)) for number in range(3)] == [1, 2, 3]
    assert wait_at(0.5, client=address(1002)) == 3
    assert wait_at(2.5, client=address(1002)) == 1
    assert wait_at(3, client=address(1002)) == 0


def test_where_somebody_signed_in_before_an_attack_is_not_noticed() -> None:
    attempt(-1, Outcome.RIGHT)
    attack()
    assert wait_at(0) == 0
    assert wait_at(0, client=ELSEWHERE) == 1


def test_a_remembered_password_makes_its_address_known_but_has_to_wait_for_that() -> None:
    attack()
    for seconds in (0, 0.5):
        with pytest.raises(TooManyRequests):
            throttle.admit_right("alice", "right", HERE, moment=at(seconds))
    for _ in range(2):
        throttle.admit_right("alice", "right", HERE, moment=at(1))


def test_who_signs_in_on_fifty_connections_waits_for_one_turn() -> None:
    attack()
    assert wait_at(0) == 1
    admitted = [throttle.admit("alice", "right", HERE, moment=at(1)) for _ in range(50)]
    for one in admitted:
        throttle.settle(one, Outcome.RIGHT, moment=at(1))


def test_an_attack_at_one_moment_is_seen_before_it_failed() -> None:
    for number in range(100):
        throttle.admit("alice", f"guess {number}", address(number), moment=at(0))
    assert wait_at(0) == 1


def test_an_attack_on_one_account_is_none_on_another() -> None:
    attack()
    assert wait_at(0, account="bob") == 0


def test_an_attack_is_over_after_five_minutes() -> None:
    attack()
    assert wait_at(300.1) == 0


def test_a_right_password_does_not_end_an_attack() -> None:
    attempt(-1, Outcome.RIGHT)
    attack()
    attempt(0, Outcome.RIGHT)
    assert wait_at(0, client=ELSEWHERE) == 1


def test_an_address_that_has_to_wait_anyway_takes_no_turn() -> None:
    fail(10, client=ELSEWHERE)
    attack(90)
    assert wait_at(0, client=ELSEWHERE) == 15
    assert wait_at(0) == 1


@pytest.mark.parametrize(
    ("one", "other"), [("\u00e9lan@acme.test", "e\u0301lan@acme.test"), ("K\u212a", "kk")]
)
def test_all_spellings_that_lead_to_an_account_are_one(one: str, other: str) -> None:
    fail(10, account=one)
    assert wait_at(0, account=other) == 15


def test_case_and_spaces_around_make_no_other_account() -> None:
    for spelling, times in (("Alice", 4), (" alice ", 4), ("ALICE", 2)):
        fail(times, account=spelling)
    assert wait_at(0) == 15


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:ffff::1", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:198.51.100.7", "198.51.100.7", True),
        ("198.51.100.7", "198.51.100.8", False),
        ("", "unix", True),
    ],
)
def test_what_counts_as_one_address(*, one: str, other: str, is_same: bool) -> None:
    fail(10, client=ClientInfo(ip=one))
    assert (wait_at(0, client=ClientInfo(ip=other)) > 0) is is_same


def test_exempt_networks_never_wait(app: Flask, settings: Settings) -> None:
    exempt = settings.model_copy(
        update={"rate_limit_exempt_networks": (ip_network("198.51.100.0/24"),)}
    )
    bind(app, "settings", exempt)
    fail(100)
    assert wait_at(0) == 0


def test_without_redis_attempts_are_let_through(app: Flask) -> None:
    with RedisClient(host="127.0.0.1", port=1, retry=Retry(NoBackoff(), 0)) as unreachable:
        bind(app, "redis", unreachable)
        fail(20)
        throttle.admit_right("alice", "right", HERE)


def test_redis_tells_neither_accounts_nor_passwords(redis: Redis, redis_prefix: str) -> None:
    fail(3, account="alice@acme.test", password="a secret guess")  # noqa: S106  nobody's
    throttle.admit("alice@acme.test", "a secret guess", HERE, moment=at(0))
    kept = []
    for key in redis.keys(f"{redis_prefix}*"):
        kept.append(key)
        if redis.type(key) == b"zset":
            kept.extend(redis.zrange(key, 0, -1))
    text = b"".join(kept)
    assert kept
    assert b"alice" not in text
    assert b"secret" not in text


def test_redis_own_clock_is_used_where_none_is_passed_in() -> None:
    for _ in range(10):
        throttle.settle(throttle.admit("alice", "wrong", HERE), Outcome.WRONG)
    with pytest.raises(TooManyRequests) as refused:
        throttle.admit("alice", "wrong", HERE)
    assert refused.value.retry_after_seconds
    assert 0 < refused.value.retry_after_seconds <= 15
