"""Does the time that a refused sign-in takes tell whether there is such an account?

    python -m bench.sign_in_timing [--attempts 300] [--iterations 600000]

A client with one connection and nobody beside it sends wrong passwords: for a name that nobody
has, for another such name as a control, and for accounts of each kind; in every round one for
each, in an order of its own. With few iterations of the password hash what is done beside
hashing stands out. The client's network is exempt from the limits on sign-ins, or nearly all of
the answers were that it has to wait.

For each population: the median, its difference from the first one's, and how often one of its
attempts takes longer than one for the unknown name (Mann and Whitney's U divided by the number
of pairs). Time tells nothing where that is 50 %; chance alone strays from it by the figure that
is given for two standard deviations.
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import statistics
import tempfile
import time
from bisect import bisect_left, bisect_right
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

from app.standalone.ports import LOOPBACK
from bench.client import Client, Unexpected
from bench.packhouse import packhouse
from bench.report import table
from bench.telling import progress, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.packhouse import Packhouse

_UNKNOWN = "unknown"
_CONTROL = "unknown, another name"
# All as long as each other, so that requests and answers are.
_USERNAMES = {
    _UNKNOWN: "nobody-a",
    _CONTROL: "nobody-b",
    "wrong password": "person-a",
    "closed account": "person-b",
    "without a password": "person-c",
}
_WARM_UP_ROUNDS = 20
_JSON = {"Content-Type": "application/json"}


def main() -> None:
    """Start a Packhouse, send the attempts, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--attempts", type=int, default=300, help="for each population")
    parser.add_argument("--iterations", type=int, default=600_000, help="of the password hash")
    options = parser.parse_args()
    env = {
        "PASSWORD_ITERATIONS": str(options.iterations),
        "RATE_LIMIT_EXEMPT_NETWORKS": f"{LOOPBACK}/32",
    }
    with (
        tempfile.TemporaryDirectory() as folder,
        packhouse(Path(folder), workers=1, env=env) as one,
    ):
        _make_accounts(one)
        seconds = _measure(one, options.attempts)
    say(f"{options.attempts} attempts each, {options.iterations:,} iterations.")
    say(_describe(seconds))


def _make_accounts(server: Packhouse) -> None:
    with Client(f"{server.origin}/api/v1", {**_JSON, **server.peer.headers}) as client:
        for kind, username in _USERNAMES.items():
            if kind in {_UNKNOWN, _CONTROL}:
                continue
            new = {"username": username, "email": f"{username}@bench.test"}
            if kind != "without a password":
                new["password"] = secrets.token_urlsafe(16)
            _ask(client, "POST", "/users", 201, new)
            if kind == "closed account":
                _ask(client, "DELETE", f"/users/{username}", 204)


def _measure(server: Packhouse, attempts: int) -> dict[str, list[float]]:
    """Return the seconds of each attempt, by population."""
    seconds: dict[str, list[float]] = {kind: [] for kind in _USERNAMES}
    with Client(f"{server.origin}/api/v1", _JSON) as client:
        for number in range(_WARM_UP_ROUNDS + attempts):
            if number % 100 == 0:
                progress(f"round {number}")
            for kind in random.sample(list(_USERNAMES), len(_USERNAMES)):
                wrong = {"username": _USERNAMES[kind], "password": secrets.token_urlsafe(16)}
                began = time.perf_counter()
                _ask(client, "POST", "/auth/login", 401, wrong)
                if number >= _WARM_UP_ROUNDS:
                    seconds[kind].append(time.perf_counter() - began)
    return seconds


def _ask(
    client: Client, method: str, path: str, expected: int, body: Mapping[str, str] | None = None
) -> None:
    reply = client.ask(method, path, None if body is None else json.dumps(body).encode())
    if reply.status != expected:
        raise Unexpected(f"{method} {path} was answered {reply.status}: {reply.body[:200]!r}")


def _describe(seconds: Mapping[str, Sequence[float]]) -> str:
    unknown = seconds[_UNKNOWN]
    middle = statistics.median(unknown)
    rows = [(_UNKNOWN, f"{middle * 1e3:.3f}", "", "", "")]
    for kind, found in seconds.items():
        if kind == _UNKNOWN:
            continue
        own = statistics.median(found)
        rows.append(
            (
                kind,
                f"{own * 1e3:.3f}",
                f"{(own - middle) * 1e6:+.0f}",
                f"{100 * _share_longer(found, unknown):.1f} %",
                f"{200 * _deviation(found, unknown):.1f} %",
            )
        )
    return table(["", "median ms", "difference us", "takes longer", "chance, ±"], rows)


def _share_longer(some: Sequence[float], others: Sequence[float]) -> float:
    """Return how likely one of ``some`` is above one of ``others``; equal ones count half."""
    ordered = sorted(others)
    above = sum(bisect_left(ordered, one) + bisect_right(ordered, one) for one in some) / 2
    return above / (len(some) * len(others))


def _deviation(some: Sequence[float], others: Sequence[float]) -> float:
    """Return the standard deviation of that where both come from one distribution."""
    n, m = len(some), len(others)
    return sqrt((n + m + 1) / (12 * n * m))


if __name__ == "__main__":
    main()
