"""Where each microsecond of a hot read goes.

    python -m bench.hot_read_profile [--seconds 20] [--connections 16] [--gzip | --conditional]

Needs ``py-spy`` on PATH, which looks at the worker from outside five hundred times a second. The
one worker has a core for itself, so that it is never seen waiting for one; everything else shares
the others. What a function calls in C, such as a system call, counts as its own. The microseconds
are the worker's CPU time, divided among the functions as they were seen.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench import programs
from bench.load import Run, drive_wrk
from bench.packages import KIB, publish_body
from bench.packhouse import Packhouse, packhouse
from bench.processes import cpu_seconds
from bench.report import table
from bench.rows import ABBREVIATED

_FRAME = re.compile(r"(?P<function>\S+) \((?P<file>[^:)]+)")
_SAMPLES_A_SECOND = 500
_SHOWN = 30


def main() -> None:
    """Start a Packhouse, read one packument over and over, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--gzip", action="store_true", help="ask for the gzip form")
    parser.add_argument("--conditional", action="store_true", help="have the current document")
    options = parser.parse_args()
    first, *others = sorted(os.sched_getaffinity(0))
    if not others:
        sys.exit("One core is too few: the worker needs one for itself.")
    py_spy = shutil.which("py-spy")
    if py_spy is None:
        sys.exit("py-spy is not on PATH. `pip install py-spy` in an environment of its own.")
    try:
        wrk = programs.wrk(Path(tempfile.gettempdir()) / "packhouse-bench")
    except programs.Missing as missing:
        sys.exit(str(missing))
    os.sched_setaffinity(0, others)  # inherited by all that is started from here
    with (
        tempfile.TemporaryDirectory() as folder,
        packhouse(Path(folder), workers=1) as server,
        ThreadPoolExecutor() as threads,
    ):
        headers = _headers(server, is_gzip=options.gzip, is_conditional=options.conditional)
        url = f"{server.peer.base_url}/one"
        drive_wrk(wrk, url, headers, options.connections, 1)  # until it is hot
        [worker] = server.workers()
        os.sched_setaffinity(worker, {first})
        before = cpu_seconds([worker])
        run = threads.submit(drive_wrk, wrk, url, headers, options.connections, options.seconds + 1)
        seen = _sample(py_spy, worker, options.seconds, Path(folder) / "samples")
        print(_describe(run.result(), before, cpu_seconds([worker]), seen))


def _headers(server: Packhouse, *, is_gzip: bool, is_conditional: bool) -> dict[str, str]:
    """Publish the package; return what a client sends with its request."""
    peer = server.peer
    headers = {**peer.headers, "Accept": ABBREVIATED}
    if is_gzip:
        headers["Accept-Encoding"] = "gzip, deflate, br"
    with peer.client() as client:
        client.put("/one", publish_body(peer.base_url, "one", "1.0.0", 4 * KIB))
        if is_conditional:
            headers["If-None-Match"] = client.ask("GET", "/one", headers=headers).headers["etag"]
    return headers


def _sample(py_spy: str, worker: int, seconds: int, file: Path) -> Counter[str]:
    """Return how often each function was seen at work."""
    command = [py_spy, "record", "--pid", str(worker), "--duration", str(seconds)]
    command += ["--rate", str(_SAMPLES_A_SECOND), "--format", "raw", "--output", str(file)]
    subprocess.run([*command, "--nonblocking"], check=True, capture_output=True)
    seen: Counter[str] = Counter()
    for line in file.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        frame = _FRAME.search(stack.rpartition(";")[2])
        if frame is not None:
            seen[f"{_short(frame['file'])}: {frame['function']}"] += int(count)
    return seen


def _short(file: str) -> str:
    """Return the end of a path that tells a reader which module it is."""
    return "/".join(Path(file).parts[-2:])


def _describe(
    run: Run, before: tuple[float, float], after: tuple[float, float], seen: Counter[str]
) -> str:
    own, kernel = (
        (end - start) / run.requests * 1e6 for start, end in zip(before, after, strict=True)
    )
    share = (own + kernel) / seen.total()
    rows = [(name, f"{count * share:.1f}") for name, count in seen.most_common(_SHOWN)]
    rest = seen.total() - sum(count for _, count in seen.most_common(_SHOWN))
    return (
        f"{run.rate:,.0f} requests/s; {own + kernel:.0f} us of CPU a request, of which "
        f"{kernel:.0f} us in the kernel; {seen.total()} samples.\n\n"
        + table(["function", "us"], [*rows, ("all others", f"{rest * share:.1f}")])
    )


if __name__ == "__main__":
    main()
