"""A real gunicorn with our worker, and a client that says exactly the bytes it is told to."""

from __future__ import annotations

import socket
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Self

from app.standalone.process import Part, running
from tests.live import LOOPBACK, ROOT, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.standalone.process import Child

PATIENCE_SECONDS = 20  # how long a test waits for bytes before it fails


@dataclass(frozen=True)
class Answer:
    """One answer as it was read; its headers' names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Client:
    """One connection."""

    def __init__(
        self, port: int, *, receive_buffer_bytes: int | None = None, source: str = LOOPBACK
    ) -> None:
        self.socket = socket.socket()
        self.socket.bind((source, 0))
        if receive_buffer_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.socket.settimeout(PATIENCE_SECONDS)
        try:
            self.socket.connect((LOOPBACK, port))
        except OSError:
            self.socket.close()
            raise
        self._stream = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stream.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def request(self, line: str, *headers: str, body: bytes = b"") -> None:
        head = [f"{line} HTTP/1.1", "Host: localhost", *headers]
        self.send("\r\n".join([*head, "", ""]).encode("latin-1") + body)

    def get(self, target: str, *headers: str) -> Answer:
        self.request(f"GET {target}", *headers)
        return self.answer()

    def put(self, target: str, body: bytes, *headers: str) -> Answer:
        self.request(f"PUT {target}", f"Content-Length: {len(body)}", *headers, body=body)
        return self.answer()

    def line(self) -> bytes:
        return self._stream.readline()

    def read(self, size: int) -> bytes:
        return self._stream.read(size)

    def answer(self, method: str = "GET") -> Answer:
        """Read one answer whole.

        Raises:
            IncompleteRead, ConnectionError: it broke off.
        """
        response = HTTPResponse(_Shared(self._stream), method=method)  # type: ignore[arg-type]  # all of a socket that it uses
        response.begin()
        body = response.read()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, body)

    def rest(self) -> bytes:
        """Return what comes until the connection ends, in whatever way."""
        received = b""
        with suppress(ConnectionResetError):
            while piece := self.socket.recv(65536):
                received += piece
        return received

    def is_closed(self) -> bool:
        """Wait for the server to close, and say whether it did so without another byte."""
        try:
            return self._stream.read(1) == b""
        except ConnectionResetError:
            return True


class _Shared:
    """Lends the one buffered stream of a connection to one answer after the other."""

    def __init__(self, stream: object) -> None:
        self._stream = stream

    def makefile(self, _mode: str) -> Self:
        return self

    def close(self) -> None:
        """Stay open for the next answer."""

    def flush(self) -> None:
        """Have nothing to flush."""

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


@dataclass(frozen=True)
class Server:
    """A running gunicorn."""

    port: int
    child: Child
    log: Path

    def connect(self, *, receive_buffer_bytes: int | None = None, source: str = LOOPBACK) -> Client:
        return Client(self.port, receive_buffer_bytes=receive_buffer_bytes, source=source)

    def get(self, target: str) -> Answer:
        with self.connect() as client:
            return client.get(target, "Connection: close")


@contextmanager
def serving(
    directory: Path, *options: str, worker: str = "app.http.server.worker.HttpWorker"
) -> Iterator[Server]:
    """Run gunicorn with the small application for as long as the block."""
    port = free_port()

    def is_ready() -> bool:
        try:
            with Client(port) as client:
                return client.get("/hello").status == 200
        except OSError:
            return False

    part = Part(
        name=f"small-{port}",
        argv=(
            *(sys.executable, "-m", "gunicorn", "--bind", f"{LOOPBACK}:{port}"),
            *("--worker-class", worker, "--no-control-socket"),
            *(*options, "tests.small_app:application"),
        ),
        log=directory / "small.log",
        is_ready=is_ready,
        env={"PYTHONPATH": str(ROOT)},
    )
    with running(part) as child:
        yield Server(port, child, part.log)
