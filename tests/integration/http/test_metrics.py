"""Numbers for Prometheus, and who may read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from flask import Flask


def test_methods_that_a_client_invents_are_counted_as_one(app: Flask) -> None:
    client = app.test_client()
    for number in range(3):
        assert client.open("/livez", method=f"INVENTED{number}").status_code == 405
    numbers = client.get("/metrics").get_data(as_text=True)
    assert "INVENTED" not in numbers
    assert 'packhouse_requests_total{method="OTHER",protocol="platform",status="405"}' in numbers


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_may_read_them(app: Flask, peer: str) -> None:
    client = app.test_client()
    assert client.get("/metrics", environ_overrides={"REMOTE_ADDR": peer}).status_code == 200


@pytest.mark.parametrize(
    "name",
    ["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP"],
)
def test_a_proxy_on_this_machine_reads_them_for_nobody(app: Flask, name: str) -> None:
    answer = app.test_client().get("/metrics", headers={name: "127.0.0.1"})
    assert answer.status_code == 403


@pytest.mark.parametrize("peer", ["192.0.2.1", "::ffff:192.0.2.1", ""])
def test_another_machine_may_not_read_them(app: Flask, peer: str) -> None:
    client = app.test_client()
    assert client.get("/metrics", environ_overrides={"REMOTE_ADDR": peer}).status_code == 403
