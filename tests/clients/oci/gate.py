"""A door in front of the registry that closes in the middle of an upload."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.live import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_SECONDS = 120
_PIECE_BYTES = 65536


class Gate(ThreadingTCPServer):
    """Passes bytes on until one connection has sent so many; keeps what follows back.

    Attributes:
        origin: where clients find the registry through it.
    """

    daemon_threads = True

    def __init__(self, registry: str, closes_after_bytes: int) -> None:
        super().__init__((LOOPBACK, 0), _Passage)
        self.origin = f"http://{LOOPBACK}:{self.server_address[1]}"
        self.registry = (urlsplit(registry).hostname or "", urlsplit(registry).port or 0)
        self.closes_after_bytes = closes_after_bytes
        self._closed = threading.Event()
        self._opened = threading.Event()

    def wait_until_closed(self) -> None:
        """Wait until a client has sent as much as it may."""
        assert self._closed.wait(PATIENCE_SECONDS), "nobody sent enough"

    def open(self) -> None:
        """Let everything pass from now on."""
        self._opened.set()

    def keep_back(self) -> None:
        """Say that the gate is closed, and return when it is opened."""
        if not self._opened.is_set():
            self._closed.set()
            self._opened.wait(PATIENCE_SECONDS)


class _Passage(BaseRequestHandler):
    """One connection of a client."""

    server: Gate

    def handle(self) -> None:
        """Pass bytes on in both directions until either side has had enough."""
        with suppress(OSError), socket.create_connection(self.server.registry) as registry:
            sent_bytes = 0
            while True:
                ready, _, _ = select.select([self.request, registry], [], [], PATIENCE_SECONDS)
                for source in ready:
                    piece = source.recv(_PIECE_BYTES)
                    if not piece:
                        return
                    if source is registry:
                        self.request.sendall(piece)
                        continue
                    registry.sendall(piece)
                    sent_bytes += len(piece)
                    if sent_bytes > self.server.closes_after_bytes:
                        self.server.keep_back()
                if not ready:
                    return


@contextmanager
def gate(registry: str, closes_after_bytes: int) -> Iterator[Gate]:
    """Stand in front of a registry for as long as the block."""
    with Gate(registry, closes_after_bytes) as passage:
        thread = threading.Thread(target=passage.serve_forever, name="gate")
        thread.start()
        try:
            yield passage
        finally:
            passage.open()
            passage.shutdown()
            thread.join()
