"""What a proxy says counts where the proxy is one of ours."""

from __future__ import annotations

import ipaddress

import pytest

from app.http.addresses import Addresses

ADDRESSES = Addresses("", (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")))


def environ(peer: str, **headers: str) -> dict[str, str]:
    return {
        "REMOTE_ADDR": peer,
        "wsgi.url_scheme": "http",
        "HTTP_HOST": "inner",
        **{f"HTTP_X_FORWARDED_{name.upper()}": value for name, value in headers.items()},
    }


@pytest.mark.parametrize("peer", ["10.0.0.1", "::ffff:10.0.0.1", "fd00::1"])
def test_a_proxy_of_ours_is_believed(peer: str) -> None:
    asked = environ(peer, proto="https", host="packages.test", **{"for": "192.0.2.7"})
    assert ADDRESSES.origin(asked) == "https://packages.test"
    assert ADDRESSES.client(asked) == "192.0.2.7"


@pytest.mark.parametrize("peer", ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "", "unix:"])
def test_nobody_else_is(peer: str) -> None:
    asked = environ(peer, proto="https", host="packages.test", **{"for": "10.0.0.9"})
    assert ADDRESSES.origin(asked) == "http://inner"
    assert ADDRESSES.client(asked) == peer


def test_the_client_is_the_last_that_is_no_proxy_of_ours() -> None:
    asked = environ("10.0.0.1", **{"for": "203.0.113.9, 192.0.2.7, ::ffff:10.0.0.2"})
    assert ADDRESSES.client(asked) == "192.0.2.7"


@pytest.mark.parametrize(
    ("proto", "scheme"),
    [("https", "https"), ("HTTPS", "https"), ("http, https", "https"), ("javascript", "http"),
     ("https://evil.test/?", "http"), ("", "http"), ("wss", "http")],
)  # fmt: skip
def test_a_scheme_is_http_or_https(proto: str, scheme: str) -> None:
    assert ADDRESSES.origin(environ("10.0.0.1", proto=proto)) == f"{scheme}://inner"
