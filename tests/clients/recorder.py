"""A proxy between a client and the registry that writes down what passes, with TLS if wanted.

The registry's own log does not name requests that are answered from memory.
"""

from __future__ import annotations

import http.client
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOOPBACK = "127.0.0.1"
PATIENCE_SECONDS = 120
_OF_ONE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding"})


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request and what was answered; ``path`` is as it was sent."""

    method: str
    path: str
    status: int

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status}"


@dataclass(frozen=True)
class Certificate:
    """Files of a server's certificate and of its key, in PEM."""

    certificate: Path
    key: Path


class Recorder(ThreadingHTTPServer):
    """Listens on a free port, passes requests on, and remembers them.

    Args:
        registry: where to pass them on to: an origin.
        certificate: clients are to speak TLS.

    Attributes:
        origin: where clients find the registry through it; no slash at the end.
    """

    def __init__(self, registry: str, certificate: Certificate | None = None) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.scheme = "http" if certificate is None else "https"
        self.origin = f"{self.scheme}://{LOOPBACK}:{self.server_port}"
        self.registry = urlsplit(registry).netloc
        self._exchanges: list[Exchange] = []
        self._cut_after_bytes: int | None = None
        self._refused: dict[str, int] = {}
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate, certificate.key)
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def remember(self, exchange: Exchange) -> None:
        """Write one down; any thread may."""
        self._exchanges.append(exchange)

    def cut_once_after(self, size_bytes: int) -> None:
        """Break the connection in the middle of the next answer that is longer than this."""
        self._cut_after_bytes = size_bytes

    def refuse(self, path: str, status: int) -> None:
        """Answer this status to whoever asks for a path that ends so, from now on."""
        self._refused[path] = status

    def refusal_of(self, path: str) -> int | None:
        """Return the status that a path is refused with, or none."""
        return next((code for end, code in self._refused.items() if path.endswith(end)), None)

    def passed_on(self, content: bytes) -> bytes:
        """Return as much of an answer as the client is to get."""
        limit = self._cut_after_bytes
        if limit is None or len(content) <= limit:
            return content
        self._cut_after_bytes = None
        return content[:limit]

    def take(self) -> list[Exchange]:
        """Return what has passed since it was last asked."""
        taken, self._exchanges = self._exchanges, []
        return taken


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    server: Recorder

    def forward(self) -> None:
        """Pass one request on, and its answer back."""
        refusal = self.server.refusal_of(self.path)
        if refusal is not None:
            self._refuse(refusal)
            return
        upstream = http.client.HTTPConnection(self.server.registry, timeout=PATIENCE_SECONDS)
        try:
            response = self._send_on(upstream)
            content = response.read()
        finally:
            upstream.close()
        self.server.remember(Exchange(method=self.command, path=self.path, status=response.status))
        self.send_response_only(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() not in _OF_ONE_CONNECTION:
                self.send_header(name, value)
        self.end_headers()
        passed_on = self.server.passed_on(content)
        self.wfile.write(passed_on)
        self.close_connection = self.close_connection or len(passed_on) < len(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward  # noqa: N815  the base's names
    do_PATCH = forward  # noqa: N815

    def log_message(self, *_arguments: object) -> None:
        """Keep quiet: what passes is written down elsewhere."""

    def _refuse(self, status: int) -> None:
        self._read_body()
        self.server.remember(Exchange(method=self.command, path=self.path, status=status))
        self.send_response_only(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send_on(self, upstream: http.client.HTTPConnection) -> http.client.HTTPResponse:
        is_chunked = self.headers.get("Transfer-Encoding", "").lower() == "chunked"
        body = self._read_chunks() if is_chunked else self._read_body()
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in _OF_ONE_CONNECTION:
                upstream.putheader(name, value)
        upstream.putheader("X-Forwarded-Proto", self.server.scheme)
        if is_chunked:
            upstream.putheader("Transfer-Encoding", "chunked")
        upstream.endheaders(body, encode_chunked=is_chunked)
        return upstream.getresponse()

    def _read_body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _read_chunks(self) -> bytes:
        body = b""
        while size_bytes := int(self.rfile.readline(), 16):
            body += self.rfile.read(size_bytes)
            self.rfile.readline()
        self.rfile.readline()
        return body


@contextmanager
def recording(registry: str, certificate: Certificate | None = None) -> Iterator[Recorder]:
    """Stand in front of a registry for as long as the block."""
    with Recorder(registry, certificate) as recorder:
        thread = threading.Thread(target=recorder.serve_forever, name="recorder")
        thread.start()
        try:
            yield recorder
        finally:
            recorder.shutdown()
            thread.join()
