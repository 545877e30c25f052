"""Drives one load at one server: wrk for small answers, our own connections for large bodies."""

from __future__ import annotations

import json
import math
import os
import selectors
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bench.client import Unexpected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from bench.client import Client
    from bench.programs import Program

_SCRIPT = """\
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('\\n[%d, %d, %d, %d, %d]\\n', summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.timeout + e.status))
end
"""
_STARTING_SECONDS = 60
_HEADER_BYTES = 65536


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one run of one load came to."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Return requests a second."""
        return self.requests / self.seconds


def drive_wrk(
    program: Program, url: str, headers: Mapping[str, str], connections: int, seconds: int
) -> Run:
    """Ask for one URL over and over, on kept connections.

    Raises:
        Unexpected: not every answer was a success.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_SCRIPT)
        script.flush()
        options = [f"-c{connections}", "-t1", f"-d{seconds}", "--timeout", "30", "-s", script.name]
        for name, value in headers.items():
            options += ["-H", f"{name}: {value}"]
        result = subprocess.run(
            [*program.argv, *options, url],
            env={**os.environ, **program.env},
            capture_output=True,
            text=True,
            check=True,
            timeout=seconds + _STARTING_SECONDS,
        )
    requests, microseconds, p50, p99, bad = json.loads(result.stdout.splitlines()[-1])
    if bad or not requests:
        raise Unexpected(f"{url}: {bad} of {requests} requests went wrong")
    return Run(requests=requests, seconds=microseconds / 1e6, p50_ms=p50 / 1e3, p99_ms=p99 / 1e3)


def drive_heads(url: str, headers: Mapping[str, str], connections: int, seconds: int) -> Run:
    """Ask for the header of one URL over and over, on kept connections.

    wrk cannot: it waits for the body that the answer to a HEAD does not have.

    Raises:
        Unexpected: not every answer was a success.
    """
    parts = urlsplit(url)
    lines = [f"HEAD {parts.path} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    request = "\r\n".join([*lines, "", ""]).encode()
    times: list[float] = []
    with ExitStack() as stack, selectors.DefaultSelector() as waiting:
        for _ in range(connections):
            address = (parts.hostname, parts.port)
            connection = stack.enter_context(socket.create_connection(address, _STARTING_SECONDS))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            waiting.register(connection, selectors.EVENT_READ)
        asked: dict[int, float] = {}
        started = time.perf_counter()
        for key in waiting.get_map().values():
            asked[key.fd] = time.perf_counter()
            os.write(key.fd, request)
        while waiting.get_map():
            for key, _ in waiting.select(_STARTING_SECONDS):
                answer = os.read(key.fd, _HEADER_BYTES)
                now = time.perf_counter()
                if not (answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\r\n\r\n")):
                    raise Unexpected(f"HEAD {url} was answered {answer[:80]!r}")
                times.append(now - asked[key.fd])
                if now > started + seconds:
                    waiting.unregister(key.fileobj)
                    continue
                asked[key.fd] = now
                os.write(key.fd, request)
        elapsed = time.perf_counter() - started
    return summed_up(times, elapsed)


def drive_clients(
    connect: Callable[[], Client],
    acts: Iterator[Callable[[Client], object]],
    connections: int,
    seconds: float,
) -> Run:
    """Take act after act, each connection in a thread of its own.

    Args:
        connect: opens a connection.
        acts: what to do; the run ends with them, or begins no other after ``seconds``.
        connections: how many are at it.
        seconds: see ``acts``.
    """
    taking = threading.Lock()
    started = time.perf_counter()

    def work(_number: int) -> list[float]:
        taken = []
        with connect() as client:
            while time.perf_counter() < started + seconds:
                with taking:
                    act = next(acts, None)
                if act is None:
                    break
                before = time.perf_counter()
                act(client)
                taken.append(time.perf_counter() - before)
        return taken

    with ThreadPoolExecutor(connections) as threads:
        lists = list(threads.map(work, range(connections)))
    elapsed = time.perf_counter() - started
    return summed_up([one for taken in lists for one in taken], elapsed)


def summed_up(times: Iterable[float], elapsed: float) -> Run:
    """Return what acts of so many seconds each came to, in so many seconds of all."""
    ordered = sorted(times)
    return Run(
        requests=len(ordered),
        seconds=elapsed,
        p50_ms=statistics.median(ordered) * 1e3,
        p99_ms=ordered[math.ceil(len(ordered) * 0.99) - 1] * 1e3,
    )
