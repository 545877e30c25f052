"""Accepts connections in one worker, and stops without losing what was accepted."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterable
from operator import attrgetter
from typing import TYPE_CHECKING

from gevent.server import StreamServer

from app.auth.addresses import read_address
from app.http.server.connection import Connection
from app.http.server.head import HeadReader

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment
    from gevent.pool import Pool
    from gevent.socket import socket

    from app.http.server.limits import Limits
    from config.settings import Networks

_SPARE_SHARE = 20  # of the connections, one in so many is kept free


class Server(StreamServer):
    """All connections that one worker accepted from one listening socket."""

    max_accept = 1  # the other workers of the socket get their share of a burst

    def __init__(
        self,
        listener: socket,
        application: WSGIApplication,
        *,
        pool: Pool,
        limits: Limits,
        proxies: Networks,
    ) -> None:
        super().__init__(listener, spawn=pool)
        self.application = application
        self.limits = limits
        self.heads = HeadReader(limits)
        self.environ = _environment(listener)
        self.is_stopping = False
        self._proxies = proxies
        self._connections: set[Connection] = set()
        self._counts: Counter[str] = Counter()

    def handle(self, sock: socket, address: tuple[str, int]) -> None:
        """Serve one client; StreamServer calls this in a greenlet."""
        connection = Connection(sock, address, self)
        if not self._make_room(connection.host):
            connection.turn_away()
            return
        self._connections.add(connection)
        self._counts[connection.host] += 1
        if self.is_stopping:
            connection.begin_stop()
        try:
            connection.serve()
        finally:
            self._connections.discard(connection)
            self._forget(connection.host)

    def _forget(self, host: str) -> None:
        self._counts[host] -= 1
        if not self._counts[host]:
            del self._counts[host]

    def _make_room(self, host: str) -> bool:
        """Close what has waited for longest where few more clients would fit.

        Connections that say nothing cost nothing to open: a full pool accepts nobody, and
        does not answer the health check either. One address, unless a proxy of ours has it,
        gets half of them; false where it has them, and all are busy.
        """
        if self._counts[host] >= self.pool.size // 2 and not self._is_proxy(host):
            return _close_longest(one for one in self._connections if one.host == host)
        if self.pool.free_count() <= self.pool.size // _SPARE_SHARE:
            _close_longest(self._connections)
        return True

    def _is_proxy(self, host: str) -> bool:
        address = read_address(host)
        return address is not None and any(address in network for network in self._proxies)

    def begin_stop(self) -> None:
        """Accept no more, close what rests; each request that runs is its connection's last."""
        self.close()
        self.is_stopping = True
        for connection in tuple(self._connections):
            connection.begin_stop()


def _close_longest(connections: Iterable[Connection]) -> bool:
    """Close the one that has waited for longest; false where none waits."""
    longest = min(connections, key=attrgetter("waits_since"), default=None)
    if longest is None or longest.waits_since == math.inf:
        return False
    longest.make_room()
    return True


def _environment(listener: socket) -> WSGIEnvironment:
    host, port = listener.getsockname()[:2]
    return {
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_SOFTWARE": "packhouse",
        "SCRIPT_NAME": "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,  # the input ends with the body, also a chunked one
    }
