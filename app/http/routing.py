"""Lead every scope and every short path to one canonical URL space.

``/o/acme/@acme/thing``, ``/npm/@acme/thing`` and ``/r/acme/web/npm/@acme/thing`` all
become ``/npm/@acme/thing`` with a :class:`Scope` beside it, so that a format has one
set of views (DESIGN, "Tenants, repositories, names").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from app.http.addresses import Addresses, WsgiEnvironment
from app.protocols.base import PackageProtocol
from app.registry.reserved_words import RESERVED_AT_ROOT
from app.registry.scopes import Scope, ScopeKind, ScopePath, split_path

SCOPE = "packhouse.scope"
PROTOCOL = "packhouse.protocol"
ORIGIN = "packhouse.origin"
CLIENT = "packhouse.client"

StartResponse = Callable[..., Any]
WsgiApplication = Callable[[WsgiEnvironment, StartResponse], Iterable[bytes]]


class Router:
    """WSGI middleware that finds scope and format, and rewrites the path."""

    def __init__(
        self, app: WsgiApplication, protocols: Sequence[PackageProtocol], addresses: Addresses
    ) -> None:
        self._app = app
        self._protocols = protocols
        self._addresses = addresses

    def __call__(self, environ: WsgiEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        origin = self._addresses.origin(environ)
        environ[ORIGIN] = origin
        environ[CLIENT] = self._addresses.client(environ)
        found = split_path(environ.get("PATH_INFO", ""))
        protocol, inner, base = self._dispatch(found)
        if protocol is not None:
            environ[PROTOCOL] = protocol
            environ[SCOPE] = Scope(
                kind=found.kind,
                organization=found.organization,
                repository=found.repository,
                protocol=protocol.name,
                prefix=found.prefix + base,
                origin=origin,
            )
            environ["PATH_INFO"] = f"/{protocol.segment}{inner}"
        return self._app(environ, start_response)

    def _dispatch(self, path: ScopePath) -> tuple[PackageProtocol | None, str, str]:
        """Return the format, the path within it, and the base that follows the prefix."""
        first, _, rest = path.rest[1:].partition("/")
        for protocol in self._protocols:
            if first != protocol.segment:
                continue
            if protocol.is_scoped:
                # Corepack puts a slash between a base that ends with one and the path.
                return protocol, "/" + rest.lstrip("/"), f"/{first}/"
            if path.kind is ScopeKind.PLATFORM:
                return protocol, "/" + rest, f"/{first}/"
        for protocol in self._protocols:
            if protocol.claims_path(path.rest):
                return protocol, path.rest, "/"
        if first in RESERVED_AT_ROOT and not self._is_bare_scope(path):
            return None, "", ""
        for protocol in self._protocols:
            if protocol.takes_the_rest:
                return protocol, path.rest, "/"
        return None, "", ""

    @staticmethod
    def _is_bare_scope(path: ScopePath) -> bool:
        return path.kind is not ScopeKind.PLATFORM and path.rest == "/"
