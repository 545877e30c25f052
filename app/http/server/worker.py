"""The gunicorn worker: gevent's process model around our own server.

``config/gunicorn.py`` names :class:`HttpWorker`.
"""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import gevent
from gevent.event import Event
from gevent.pool import Pool
from gunicorn.workers.ggevent import GeventWorker

from app.http.server.limits import Limits
from app.http.server.server import Server

if TYPE_CHECKING:
    from types import FrameType

    from config.settings import Networks

_HEARTBEAT_SECONDS = 1.0
_BEFORE_MASTER_SECONDS = 2.0  # so that what is left ends by us, not by the master's SIGKILL


class HttpWorker(GeventWorker):
    """Serves the WSGI application of this process.

    Attributes:
        proxies: the networks that many clients may share one address of.
    """

    limits = Limits()
    proxies: Networks = ()

    def init_process(self) -> None:
        """Load the application and serve; ends with the process.

        Until its signal handlers stand, a worker has its master's, which put the signal
        where nobody looks: a stop during the start would be lost, and waited for in vain.
        """
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        super().init_process()

    def init_signals(self) -> None:
        """Prepare to be told to stop; the hub of this process exists by now."""
        self._stop = Event()
        super().init_signals()

    def run(self) -> None:
        """Serve until told to stop, then finish what was begun."""
        pool = Pool(self.worker_connections)
        servers = [
            Server(one, self.wsgi, pool=pool, limits=self.limits, proxies=self.proxies)
            for one in self.sockets
        ]
        for server in servers:
            server.start()
        while self.alive:
            self.notify()
            self._stop.wait(_HEARTBEAT_SECONDS)
        for server in servers:
            server.begin_stop()
        self._finish(pool)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop at SIGTERM, without waiting for the next heartbeat."""
        super().handle_exit(sig, frame)
        gevent.spawn(self._stop.set)  # not in the signal handler, which may be in the hub

    def _finish(self, pool: Pool) -> None:
        deadline = time.monotonic() + max(0, self.cfg.graceful_timeout - _BEFORE_MASTER_SECONDS)
        while time.monotonic() < deadline:
            if pool.join(timeout=_HEARTBEAT_SECONDS):
                return
            self.notify()
        self.log.warning("%s requests did not end in time", len(pool))
        pool.kill(timeout=1)
