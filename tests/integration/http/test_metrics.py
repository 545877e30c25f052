"""Numbers for Prometheus, and who may read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def test_methods_that_a_client_invents_are_counted_as_one(app: Flask) -> None:
    client = app.test_client()
    for number in range(3):
        assert client.open("/livez", method=f"INVENTED{number}").status_code == 405
    numbers = client.get("/metrics").get_data(as_text=True)
    assert "INVENTED" not in numbers
    assert 'packhouse_requests_total{method="OTHER",protocol="platform",status="405"}' in numbers
