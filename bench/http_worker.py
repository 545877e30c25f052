"""Our gunicorn worker beside gunicorn's own two for gevent, on answers that cost nothing.

    python bench/http_worker.py [--seconds 3] [--rounds 5] [--workers 1,2]

Needs ``wrk``. The classes take turns within each round, so that whatever else the machine
does falls on all of them. CPU is the servers' own, for each request.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import itertools
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ROOT = Path(__file__).resolve().parents[1]
MIB = 1024 * 1024
BODY_MIB = 500
CLASSES = ("gevent", "gevent_pywsgi", "app.http.server.worker.HttpWorker")
CONNECTIONS = (1, 16, 64)
HEADERS = (
    "Accept: application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*",
    "User-Agent: npm/10.8.2 node/v22.9.0 linux x64 workspaces/false",
    "npm-command: install",
    f"Authorization: Bearer srg_{'a' * 36}",
    "Accept-Encoding: gzip,deflate,br",
)
ANSWER = [
    ("Content-Type", "application/json"),
    ("Cache-Control", "private, no-cache"),
    ("Last-Modified", "Tue, 24 Nov 2026 10:00:00 GMT"),
    ("Vary", "Accept, Authorization"),
    ("ETag", '"0123456789abcdef"'),
    ("X-Request-Id", "0123456789ab-1"),
    ("Content-Length", "2048"),
]
ANSWER_COLUMNS = ("requests/s", "p50", "p99", "CPU")
ANSWER_ROW = "{:7.0f}/s  p50 {:6.2f} ms  p99 {:7.2f} ms  CPU {:4.0f} us a request"
BODY_ROW = "{:5.2f} s  CPU {:5.2f} s"
Runs = list[tuple[float, ...]]
LUA = """done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
"""


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with 2 KiB from memory; take or give a large body."""
    if environ["PATH_INFO"] == "/up":
        return _take(environ, start_response)
    if environ["PATH_INFO"] == "/down":
        start_response("200 OK", [("Content-Length", str(BODY_MIB * MIB))])
        piece = bytes(MIB)
        return (piece for _ in range(BODY_MIB))
    start_response("200 OK", list(ANSWER))
    return [bytes(2048)]


def _take(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    digest = hashlib.sha256()
    with tempfile.TemporaryFile() as file:
        while piece := environ["wsgi.input"].read(MIB):
            digest.update(piece)
            file.write(piece)
    start_response("201 Created", [("Content-Length", "0")])
    return []


@dataclass(frozen=True)
class Server:
    """One gunicorn."""

    process: subprocess.Popen[bytes]
    port: int

    def cpu_seconds(self) -> float:
        """Return what its workers have used so far."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        fields = [Path(f"/proc/{child}/stat").read_text().rpartition(")")[2] for child in children]
        ticks = sum(sum(map(int, line.split()[11:13])) for line in fields)
        return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(worker_class: str, workers: int) -> Iterator[Server]:
    """Run one gunicorn for as long as the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "--no-control-socket", "--log-level", "error"]
    command += ["--bind", f"127.0.0.1:{port}", "--workers", str(workers), "--keep-alive", "60"]
    command += ["--worker-class", worker_class, "bench.http_worker:application"]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        while not _answers(port):
            time.sleep(0.1)
        yield Server(process, port)
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def drive(server: Server, connections: int, seconds: int, script: str) -> tuple[float, ...]:
    """Return requests/s, p50 ms, p99 ms and the servers' CPU in us a request."""
    before = server.cpu_seconds()
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "-s", script]
    for header in HEADERS:
        command += ["-H", header]
    command.append(f"http://127.0.0.1:{server.port}/")
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", output)
    if found is None:
        raise SystemExit(f"wrk said something else:\n{output}")
    requests, microseconds, p50, p99, errors = map(int, found.groups())
    if errors:
        print(f"{errors} errors", file=sys.stderr)
    cpu = (server.cpu_seconds() - before) / max(1, requests)
    return requests / microseconds * 1e6, p50 / 1e3, p99 / 1e3, cpu * 1e6


def upload(server: Server) -> None:
    """Send a large body as fast as it is taken."""
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        head = f"PUT /up HTTP/1.1\r\nHost: x\r\nContent-Length: {BODY_MIB * MIB}\r\n\r\n"
        client.sendall(head.encode())
        piece = bytes(MIB)
        for _ in range(BODY_MIB):
            client.sendall(piece)
        if b" 201 " not in client.recv(100):
            raise SystemExit("the upload failed")


def download(server: Server) -> None:
    """Take a large body as fast as it comes."""
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET /down HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        buffer, received = bytearray(MIB), 0
        while size := client.recv_into(buffer):
            received += size
        if received < BODY_MIB * MIB:
            raise SystemExit("the download broke off")


def timed(server: Server, act: Callable[[Server], None]) -> tuple[float, ...]:
    """Return seconds and the servers' CPU seconds."""
    started, before = time.perf_counter(), server.cpu_seconds()
    act(server)
    return time.perf_counter() - started, server.cpu_seconds() - before


def measure(workers: int, rounds: int, seconds: int, script: str) -> dict[str, Runs]:
    """Let the classes take turns; returns what each row of the table is made of."""
    rows: dict[str, Runs] = {}
    with ExitStack() as stack:
        servers = {name: stack.enter_context(serving(name, workers)) for name in CLASSES}
        for number in range(rounds):
            first = number % len(CLASSES)  # whoever comes first may find the disk busy
            order = CLASSES[first:] + CLASSES[:first]
            for connections, name in itertools.product(CONNECTIONS, order):
                row = rows.setdefault(f"w{workers} c{connections:<3} {name}", [])
                row.append(drive(servers[name], connections, seconds, script))
            for act, name in itertools.product((upload, download), order):
                row = rows.setdefault(f"w{workers} {act.__name__} {BODY_MIB} MiB {name}", [])
                row.append(timed(servers[name], act))
    return rows


def describe(runs: Runs) -> str:
    """Say the medians of one row."""
    middle = [statistics.median(column) for column in zip(*runs, strict=True)]
    form = ANSWER_ROW if len(middle) == len(ANSWER_COLUMNS) else BODY_ROW
    return form.format(*middle)


def main() -> None:
    """Measure, and print one row for each class and load."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", default="1,2")
    options = parser.parse_args()
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(LUA)
        script.flush()
        for workers in map(int, options.workers.split(",")):
            rows = measure(workers, options.rounds, options.seconds, script.name)
            print(f"medians of {options.rounds} runs, load {os.getloadavg()[0]:.1f}")
            for row in sorted(rows):
                print(f"{row:54} {describe(rows[row])}", flush=True)


if __name__ == "__main__":
    main()
