"""Accepts connections in one worker, and stops without losing what was accepted."""

from __future__ import annotations

import math
import sys
from operator import attrgetter
from typing import TYPE_CHECKING

from gevent.server import StreamServer

from app.http.server.connection import Connection
from app.http.server.head import HeadReader

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment
    from gevent.pool import Pool
    from gevent.socket import socket

    from app.http.server.limits import Limits

_SPARE_SHARE = 20  # of the connections, one in so many is kept free


class Server(StreamServer):
    """All connections that one worker accepted from one listening socket."""

    max_accept = 1  # the other workers of the socket get their share of a burst

    def __init__(
        self, listener: socket, application: WSGIApplication, *, pool: Pool, limits: Limits
    ) -> None:
        super().__init__(listener, spawn=pool)
        self.application = application
        self.limits = limits
        self.heads = HeadReader(limits)
        self.environ = _environment(listener)
        self.is_stopping = False
        self._connections: set[Connection] = set()

    def handle(self, sock: socket, address: tuple[str, int]) -> None:
        """Serve one client; StreamServer calls this in a greenlet."""
        self._make_room()
        connection = Connection(sock, address, self)
        self._connections.add(connection)
        if self.is_stopping:
            connection.begin_stop()
        try:
            connection.serve()
        finally:
            self._connections.discard(connection)

    def _make_room(self) -> None:
        """Close what has waited for longest where few more clients would fit.

        Connections that say nothing cost nothing to open: a full pool accepts nobody, and
        does not answer the health check either.
        """
        if self.pool.free_count() > self.pool.size // _SPARE_SHARE:
            return
        longest = min(self._connections, key=attrgetter("waits_since"), default=None)
        if longest is not None and longest.waits_since < math.inf:
            longest.make_room()

    def begin_stop(self) -> None:
        """Accept no more, close what rests; each request that runs is its connection's last."""
        self.close()
        self.is_stopping = True
        for connection in tuple(self._connections):
            connection.begin_stop()


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
