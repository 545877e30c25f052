"""A WSGI application without a registry behind it, for tests of the server alone."""

from __future__ import annotations

import hashlib
import json
import os
from ipaddress import ip_network
from typing import TYPE_CHECKING

from app.http.server.limits import Limits
from app.http.server.worker import HttpWorker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MIB = 1024 * 1024
SHOWN = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "RAW_URI", "SERVER_PROTOCOL", "REMOTE_ADDR")


class HastyWorker(HttpWorker):
    """A worker that waits for nobody longer than a second."""

    limits = Limits(
        head_seconds=1,
        idle_seconds=1,
        stall_seconds=1,
        least_bytes_per_second=64 * 1024,
        skipped_seconds=0.5,
    )


class ProxiedWorker(HttpWorker):
    """A worker whose clients come through a proxy on this machine."""

    proxies = (ip_network("127.0.0.1/32"),)


class Endless:
    """A body that never ends; counts the ones that were closed."""

    closed = 0

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield b"x" * MIB

    def close(self) -> None:
        Endless.closed += 1


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    view = VIEWS[environ["PATH_INFO"].rpartition("/")[2]]
    return view(environ, start_response)


def hello(_environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


def process(_environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    return _answer(start_response, str(os.getpid()))


def closed(_environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    return _answer(start_response, str(Endless.closed))


def environment(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    shown = {
        key: value
        for key, value in environ.items()
        if key in SHOWN or key.startswith(("HTTP_", "CONTENT_"))
    }
    return _answer(start_response, json.dumps(shown))


def digest(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Read the body in pieces; tell their lengths and the digest of the whole."""
    size = int(environ["QUERY_STRING"] or MIB)
    found, sizes = hashlib.sha256(), []
    while piece := environ["wsgi.input"].read(size):
        found.update(piece)
        sizes.append(len(piece))
    return _answer(start_response, json.dumps({"sha256": found.hexdigest(), "sizes": sizes}))


def lines(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    stream = environ["wsgi.input"]
    read = [stream.readline(), *stream]
    return _answer(start_response, json.dumps([line.decode() for line in read]))


def refuse(_environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Answer without a look at the body."""
    start_response("413 Content Too Large", [("Content-Type", "text/plain")])
    return [b"too large"]


def upload_failed(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Read the body, and make what goes wrong with it an answer of its own."""
    try:
        while environ["wsgi.input"].read(MIB):
            pass
    except OSError as error:
        start_response("400 Bad Request", [])
        return [type(error).__name__.encode()]
    return hello(environ, start_response)


def download(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    pieces = int(environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Length", str(pieces * MIB))])
    return (bytes([number % 256]) * MIB for number in range(pieces))


def endless(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return Endless()


def pieces(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with a body of unknown length."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return iter([b"one ", b"", b"two ", b"three"])


def written(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    write = start_response("200 OK", [])
    write(b"written, ")
    return [b"returned"]


def status(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    start_response(f"{environ['QUERY_STRING']} Whatever", [("ETag", '"x"')])
    return []


def short(_environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "10")])
    return [b"short"]


def long(_environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok", b"HTTP/1.1 200 OK\r\n\r\n"]


def split(_environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", [("X-Name", "value\r\nSet-Cookie: stolen")])
    return [b"never"]


def fail(_environ: WSGIEnvironment, _start_response: StartResponse) -> list[bytes]:
    raise ValueError("a secret of the application")


def fail_midway(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])

    def body() -> Iterator[bytes]:
        yield b"the beginning"
        raise ValueError("a secret of the application")

    return body()


def hang(_environ: WSGIEnvironment, _start_response: StartResponse) -> list[bytes]:
    """Never give way to the hub."""
    while True:
        pass


def _answer(start_response: StartResponse, text: str) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]


VIEWS = {
    view.__name__: view
    for view in (
        hello, process, closed, environment, digest, lines, refuse, upload_failed, download,
        endless, pieces, written, status, short, long, split, fail, fail_midway, hang,
    )
}  # fmt: skip
