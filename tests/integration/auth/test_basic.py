from __future__ import annotations

from base64 import b64encode
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

import pytest
from redis import Redis as RedisClient
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.auth import password_changes, tokens, users
from app.auth.authentication import authenticate, read_authorization_header
from app.auth.principal import ClientInfo, CredentialKind, Principal
from app.auth.token_rules import TokenSpec
from app.errors import TooManyRequests, Unauthenticated
from app.extensions import bind
from app.models import User
from tests.integration.auth.people import PASSWORD

if TYPE_CHECKING:
    from flask import Flask
    from redis import Redis

    from app.coherence import Coherence

NEW_PASSWORD = "walrus-teapot-ladder"  # noqa: S105  of people who do not exist


def sign_in(username: str, password: str, client: ClientInfo) -> Principal:
    header = "Basic " + b64encode(f"{username}:{password}".encode()).decode()
    return authenticate(read_authorization_header(header), client)


def is_remembered(redis: Redis, prefix: str) -> bool:
    return bool(redis.keys(f"{prefix}basic:*"))


@pytest.fixture
def token(alice: User) -> str:
    principal = users.principal_of(alice, CredentialKind.SESSION)
    return tokens.create(principal, TokenSpec(name="ci")).secret


@pytest.mark.parametrize("username", ["alice", "ALICE", "alice@acme.test"])
def test_a_password_with_the_username_or_the_address(
    alice: User, client: ClientInfo, username: str
) -> None:
    principal = sign_in(username, PASSWORD, client)
    assert principal.user_id == alice.id
    assert principal.kind is CredentialKind.PASSWORD


@pytest.mark.parametrize("username", ["alice", "alice@acme.test", "bob", "__token__", "", "x"])
def test_a_token_as_the_password_of_anybody(
    alice: User, token: str, client: ClientInfo, username: str
) -> None:
    principal = sign_in(username, token, client)
    assert principal.user_id == alice.id
    assert principal.kind is CredentialKind.TOKEN


@pytest.mark.parametrize("password", ["", "x", "x-oauth-basic"])
def test_a_token_as_the_username(
    alice: User, token: str, client: ClientInfo, password: str
) -> None:
    assert sign_in(token, password, client).user_id == alice.id


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("alice", "wrong-password"),
        ("alice", ""),
        ("", ""),
        ("", PASSWORD),
        ("bob", PASSWORD),
        ("alice", "srg_" + "0" * 36),
        ("srg_" + "0" * 36, ""),
    ],
)
def test_what_is_wrong_is_refused(
    alice: User, client: ClientInfo, username: str, password: str
) -> None:
    del alice
    with pytest.raises(Unauthenticated) as refused:
        sign_in(username, password, client)
    assert refused.value.wrong_credentials


@pytest.mark.parametrize("password", ["", "${PACKHOUSE_TOKEN}", PASSWORD])
def test_what_is_no_token_beside_the_username_for_tokens_makes_nobody_wait(
    alice: User, client: ClientInfo, password: str
) -> None:
    for _ in range(10):
        with pytest.raises(Unauthenticated, match="is an API token") as refused:
            sign_in("__token__", password, client)
        assert refused.value.wrong_credentials
    assert sign_in("alice", PASSWORD, client).user_id == alice.id


def test_a_right_password_is_remembered_for_a_minute_and_nothing_else(
    alice: User, client: ClientInfo, redis: Redis, redis_prefix: str
) -> None:
    with pytest.raises(Unauthenticated):
        sign_in("alice", "wrong-password", client)
    assert not is_remembered(redis, redis_prefix)
    sign_in("alice", PASSWORD, client)
    (key,) = redis.keys(f"{redis_prefix}basic:*")
    assert 0 < redis.ttl(key) <= 60
    assert redis.get(key) == b""
    assert PASSWORD.encode() not in key
    assert str(alice.id).encode() not in key


def test_a_remembered_password_is_not_hashed_again(
    app: Flask, alice: User, client: ClientInfo, other_client: ClientInfo
) -> None:
    sign_in("alice", PASSWORD, client)
    nobody_may_hash = BoundedSemaphore(1)
    nobody_may_hash.acquire()
    app.extensions["packhouse.hashing_slots"] = nobody_may_hash
    assert sign_in("alice", PASSWORD, client).user_id == alice.id
    assert sign_in("alice@acme.test", PASSWORD, other_client).user_id == alice.id


def test_a_changed_password_ends_the_memory_at_once(alice: User, client: ClientInfo) -> None:
    principal = sign_in("alice", PASSWORD, client)
    password_changes.change_password(principal, PASSWORD, NEW_PASSWORD, client)
    with pytest.raises(Unauthenticated):
        sign_in("alice", PASSWORD, client)
    assert sign_in("alice", NEW_PASSWORD, client).user_id == alice.id


def test_a_closed_account_ends_the_memory_at_once(
    alice: User, root: Principal, client: ClientInfo
) -> None:
    sign_in("alice", PASSWORD, client)
    users.deactivate(root, alice.id)
    with pytest.raises(Unauthenticated):
        sign_in("alice", PASSWORD, client)


def test_failures_end_the_memory_at_their_address_only(
    alice: User, client: ClientInfo, other_client: ClientInfo
) -> None:
    sign_in("alice", PASSWORD, client)
    for _ in range(10):
        with pytest.raises(Unauthenticated):
            sign_in("alice", "wrong-password", client)
    with pytest.raises(TooManyRequests) as refused:
        sign_in("alice", PASSWORD, client)
    assert refused.value.retry_after_seconds
    assert sign_in("alice", PASSWORD, other_client).user_id == alice.id


def test_no_answer_is_kept_in_memory_under_a_password(
    alice: User, client: ClientInfo, remembering: Coherence
) -> None:
    for _ in ("checked", "remembered"):
        with remembering.recording() as recording:
            remembering.depends_on("package:npm/left-pad")
            assert sign_in("alice", PASSWORD, client).user_id == alice.id
        assert not remembering.keep("answer", object(), recording, 1)


def test_many_requests_with_the_right_password_are_never_slowed_down(
    alice: User, client: ClientInfo
) -> None:
    for _ in range(100):
        assert sign_in("alice", PASSWORD, client).user_id == alice.id


def test_without_redis_each_password_is_checked(
    app: Flask, alice: User, client: ClientInfo
) -> None:
    with RedisClient(host="127.0.0.1", port=1, retry=Retry(NoBackoff(), 0)) as unreachable:
        bind(app, "redis", unreachable)
        assert sign_in("alice", PASSWORD, client).user_id == alice.id
        with pytest.raises(Unauthenticated):
            sign_in("alice", "wrong-password", client)
