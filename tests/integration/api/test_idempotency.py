"""What becomes of a key where the usual does not happen."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from flask import Response, g

from app.api import idempotency
from app.api.idempotency import RequestInProgress
from tests.core_app import CLIENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from redis import Redis


@contextmanager
def request(app: Flask) -> Iterator[None]:
    """One of several requests with the same key."""
    path, headers = "/api/v1/teams", {"Idempotency-Key": "1"}
    with (
        app.app_context(),
        app.test_request_context(path, method="POST", json={"slug": "dev"}, headers=headers),
    ):
        g.client = CLIENT
        yield


@pytest.mark.parametrize("status", [500, 502, 503])
def test_what_may_have_been_done_is_not_done_again_at_once(
    app: Flask, redis: Redis, redis_prefix: str, status: int
) -> None:
    with request(app):
        assert idempotency.begin() is None
        idempotency.finish(Response(status=status))
    with request(app), pytest.raises(RequestInProgress):
        idempotency.begin()
    (key,) = redis.keys(f"{redis_prefix}idempotency:*")
    assert 0 < redis.ttl(key) <= 60


def test_a_request_that_took_too_long_releases_no_claim_but_its_own(
    app: Flask, redis: Redis, redis_prefix: str
) -> None:
    with request(app):
        assert idempotency.begin() is None
        redis.delete(*redis.keys(f"{redis_prefix}idempotency:*"))  # as if it had run out
        with request(app):
            assert idempotency.begin() is None
        idempotency.finish(Response(status=422))
    with request(app), pytest.raises(RequestInProgress):
        idempotency.begin()
