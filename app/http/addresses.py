"""Who a request came from and by which name we were asked, through proxies we trust."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import quote

from app.auth.addresses import read_address
from config.settings import Networks

_MOST_ORIGINS = 1000  # a client may send any Host: what is remembered of them is bounded
_MOST_PEERS = 1000
_SCHEMES = frozenset({"http", "https"})

WsgiEnvironment = dict[str, Any]  # PEP 3333: values of any kind


class Addresses:
    """Reads addresses from a WSGI environment.

    ``X-Forwarded-*`` counts only where the peer is a proxy named in ``TRUSTED_PROXIES``:
    anybody else could write what they like into it.
    """

    def __init__(self, public_url: str, trusted_proxies: Networks) -> None:
        self._public_url = public_url
        self._trusted = trusted_proxies
        self._origins: dict[tuple[str, str], str] = {}
        self._is_trusted = lru_cache(_MOST_PEERS)(self._is_in_trusted_network)

    def origin(self, environ: WsgiEnvironment) -> str:
        """Return scheme, host and port of this registry as the client knows it."""
        if self._public_url:
            return self._public_url
        scheme = environ["wsgi.url_scheme"]
        host = environ.get("HTTP_HOST") or environ.get("SERVER_NAME", "localhost")
        if self._trusted and self._is_trusted(environ.get("REMOTE_ADDR", "")):
            forwarded = _last(environ.get("HTTP_X_FORWARDED_PROTO")).lower()
            scheme = forwarded if forwarded in _SCHEMES else scheme
            host = _last(environ.get("HTTP_X_FORWARDED_HOST")) or host
        key = (scheme, host)
        known = self._origins.get(key)
        if known is None:
            known = f"{scheme}://{quote(host, safe=':[]')}"
            if len(self._origins) < _MOST_ORIGINS:
                self._origins[key] = known
        return known

    def client(self, environ: WsgiEnvironment) -> str:
        """Return the client's address: the last one that no proxy of ours stands at."""
        peer = str(environ.get("REMOTE_ADDR", ""))
        hops = [one.strip() for one in environ.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        while self._is_trusted(peer) and hops and hops[-1]:
            peer = hops.pop()
        return peer

    def _is_in_trusted_network(self, address: str) -> bool:
        found = read_address(address)
        return found is not None and any(found in network for network in self._trusted)


def _last(header: str | None) -> str:
    return header.split(",")[-1].strip() if header else ""
