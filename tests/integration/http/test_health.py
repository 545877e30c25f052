"""What anybody may learn of the parts, and at what cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from structlog.testing import capture_logs

from app.extensions import bind
from tests.live import LOOPBACK, free_port

if TYPE_CHECKING:
    from flask import Flask


def checks(app: Flask) -> dict[str, Any]:
    found: dict[str, Any] = app.test_client().get("/health").get_json()["checks"]
    return found


def test_a_part_that_fails_is_named_and_its_address_only_logged(app: Flask) -> None:
    port = free_port()
    with (
        Redis(host=LOOPBACK, port=port, retry=Retry(NoBackoff(), 0)) as nobody,
        capture_logs() as logs,
    ):
        bind(app, "redis", nobody)
        found = checks(app)["redis"]
    assert (found["status"], found["error"]) == ("failed", "ConnectionError")
    assert any(str(port) in line.get("error", "") for line in logs)


def test_who_asks_again_at_once_costs_nothing(app: Flask) -> None:
    """Each part's time is the same because it was not asked again; a pause may fall between."""
    assert any(checks(app) == checks(app) for _ in range(10))
