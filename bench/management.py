"""The lists and searches of the management API, with few packages and with many.

Two Packhouses with the same people and organizations take turns. MongoDB's profiler then tells
how each query of one pass was answered.
"""

from __future__ import annotations

import json
import re
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pymongo import DeleteMany, DeleteOne, InsertOne, UpdateOne

from bench import report
from bench.client import Client, Unexpected
from bench.database import of_packhouse
from bench.packhouse import Packhouse, packhouse
from bench.registry_seeding import COMMON_WORD, RARE_WORD, Seeding, Size
from bench.telling import progress, say

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pymongo.collection import Collection

    from bench.measuring import Journal
    from bench.rows import Tools

_FEW = Size(packages=1_000, events=10_000)
_MANY = Size(packages=100_000, events=1_000_000)
_QUICK = (
    Size(packages=100, users=50, organizations=5, events=500),
    Size(packages=1_000, users=50, organizations=5, events=5_000),
)
_PLAN = re.compile(r"[A-Z_]+(?: \{[^}]*\})?")
_AIM = 1.5
_ASKED_IN_A_ROUND = 10
_PAGES_DEEP = 10

PAGES = {
    "packages": "/api/v1/packages",
    "packages, newest first": "/api/v1/packages?sort=-updated_at",
    "packages of an organization": "/api/v1/packages?org=org-3&limit=5",
    "packages of a format": "/api/v1/packages?protocol=npm&limit=20",
    "search: a rare word": f"/api/v1/packages?q={RARE_WORD}",
    "search: a common word": f"/api/v1/packages?q={COMMON_WORD}",
    "search: the beginning of a name": "/api/v1/packages?q=back&limit=1",
    "search: two words": f"/api/v1/packages?q=backer+{COMMON_WORD}",
    "search: a word, newest first": f"/api/v1/packages?q={RARE_WORD}&sort=-updated_at",
    "search within an organization": f"/api/v1/packages?q={COMMON_WORD}&org=org-0&limit=5",
    "npm's search": f"/-/v1/search?text={RARE_WORD}",
    "users": "/api/v1/users",
    "organizations": "/api/v1/organizations",
    "members": "/api/v1/organizations/org-3/members",
    "teams": "/api/v1/organizations/org-3/teams",
    "repositories": "/api/v1/organizations/org-3/repositories",
    "tokens": "/api/v1/admin/tokens",
    "audit": "/api/v1/audit",
    "audit of a user": "/api/v1/audit?actor=user-7&limit=1",
    "audit of an action": "/api/v1/audit?action=package.publish",
    "audit of a resource": "/api/v1/audit?resource=p-77&limit=1",
    "audit of a day": "/api/v1/audit?from=2026-01-01T01:00:00Z&to=2026-01-01T02:00:00Z",
    "audit of all these": "/api/v1/audit?actor=user-7&action=package.publish"
    "&from=2026-01-01T00:00:00Z&to=2026-12-01T00:00:00Z",
}
_BY_ANYBODY = "by anybody: "
_FOR_ANYBODY = (
    *("packages", "packages, newest first", "packages, ten pages on", "packages of a format"),
    *("search: a rare word", "search: a common word", "npm's search", "organizations", "audit"),
)


@dataclass(frozen=True, kw_only=True)
class _Side:
    """One of the two registries, and pages of it that are known only now."""

    name: str
    registry: Packhouse
    folder: Path
    paths: dict[str, str]
    reader: Mapping[str, str]

    def client(self, title: str = "") -> Client:
        """Return a new connection of an administrator, or of somebody like any other."""
        headers = self.reader if title.startswith(_BY_ANYBODY) else self.registry.peer.headers
        return Client(self.registry.origin, headers)


def compare(options: argparse.Namespace, tools: Tools, journal: Journal, data: Path) -> None:
    """Measure every page of both, and look at the plans of the larger one.

    Raises:
        CannotStart: a server did not come up.
        Unexpected: a server failed.
    """
    del tools
    few, many = _QUICK if options.quick else (_FEW, _MANY)
    with ExitStack() as stack:
        sides = [_side(f"{size.packages:,} packages", size, data, stack) for size in (few, many)]
        rows = []
        for title in sides[0].paths:
            if options.only in title:
                progress(title)
                rows.append(_cells(title, sides, options.rounds, journal))
        say(report.table(["p50", *(side.name for side in sides), "ratio"], rows))
        say(_plans(sides[1]))
        say(_verification(sides[1]))


def _side(name: str, size: Size, data: Path, stack: ExitStack) -> _Side:
    folder = data / str(size.packages)
    registry = stack.enter_context(packhouse(folder))
    started = time.monotonic()
    with of_packhouse(folder):
        Seeding(size).everything()
    progress(f"{name}: seeded in {time.monotonic() - started:.0f} s")
    side = _Side(
        name=name,
        registry=registry,
        folder=folder,
        paths=dict(PAGES),
        reader=registry.person("reader"),
    )
    with side.client() as client:
        side.paths["packages, ten pages on"] = _deep(client, PAGES["packages"])
        side.paths["audit, ten pages on"] = _deep(client, PAGES["audit"])
        package = _read(client, PAGES["packages"])["items"][0]["id"]
        side.paths["versions"] = f"/api/v1/packages/{package}/versions"
    for title in _FOR_ANYBODY:
        side.paths[f"{_BY_ANYBODY}{title}"] = side.paths[title]
    return side


def _deep(client: Client, path: str) -> str:
    """Return the path of a page that others come before, with the same number in both."""
    for _ in range(_PAGES_DEEP):
        cursor = _read(client, path)["next_cursor"]
        if cursor is None:
            break
        path = f"{path.partition('?')[0]}?cursor={cursor}"
    return path


def _cells(title: str, sides: list[_Side], rounds: int, journal: Journal) -> tuple[str, ...]:
    times: dict[str, list[float]] = {side.name: [] for side in sides}
    for number in range(rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            with side.client(title) as client:
                _read(client, side.paths[title])  # also opens the connection
                for _ in range(_ASKED_IN_A_ROUND):
                    started = time.perf_counter()
                    _read(client, side.paths[title])
                    times[side.name].append((time.perf_counter() - started) * 1e3)
    for name, found in times.items():
        journal.note(row=title, side=name, milliseconds=found)
    before, after = (statistics.median(times[side.name]) for side in sides)
    ratio = after / before
    return (
        title,
        f"{before:.1f} ms",
        f"{after:.1f} ms",
        f"{ratio:.2f}{'' if ratio <= _AIM else f' (aim {_AIM}, **missed**)'}",
    )


def _plans(side: _Side) -> str:
    """Ask for each page once, and return the table of how MongoDB found what was asked."""
    with of_packhouse(side.folder) as database:
        rows = []
        for title, path in side.paths.items():
            database.command("profile", 0)
            database["system.profile"].drop()
            database.command("profile", 2)
            with side.client(title) as client:
                _read(client, path)
            database.command("profile", 0)
            rows.append(
                _worst(
                    title,
                    list(
                        database["system.profile"].find(
                            {
                                "op": {"$in": ["query", "command", "getmore"]},
                                "planSummary": {"$exists": True},
                            }
                        )
                    ),
                )
            )
    return report.table(["page", "queries", "plans", "most keys", "most rows", "sorts"], rows)


def _verification(side: _Side) -> str:
    """Have the chain checked whole, and after each way of tampering with it."""
    rows = []
    with of_packhouse(side.folder) as database, side.client() as client:
        chain = database["audit"]
        last = chain.find_one(sort=[("_id", -1)])["_id"]
        place = last * 2 // 3
        first, second = chain.find_one({"_id": place}), chain.find_one({"_id": place + 1})
        both = DeleteMany({"_id": {"$in": [place, place + 1]}})
        back = [both, InsertOne(first), InsertOne(second)]
        moved = [
            both,
            InsertOne({**second, "_id": place}),
            InsertOne({**first, "_id": place + 1}),
        ]
        inserted = InsertOne({**first, "_id": last + 1, "event_id": "forged"})
        end = chain.find_one({"_id": last})
        for title, changes, repair, expected in (
            ("as it was written", [], [], None),
            (
                "an event changed",
                [UpdateOne({"_id": place}, {"$set": {"ip": "192.0.2.1"}})],
                back,
                place,
            ),
            ("an event removed", [DeleteOne({"_id": place})], back, place),
            ("two events exchanged", moved, back, place),
            ("an event added", [inserted], [DeleteOne({"_id": last + 1})], last + 1),
            ("the last event cut off", [DeleteOne({"_id": last})], [InsertOne(end)], last),
        ):
            rows.append(_checked(title, chain, client, changes, expected))
            if repair:
                chain.bulk_write(repair)
    peak = report.megabytes(side.registry.peaks()["web"])
    table = report.table(["the audit's chain", "events", "first bad", "time"], rows)
    return f"{table}\n\nPeak memory of the web processes, all together: {peak}."


def _checked(
    title: str,
    chain: Collection[Any],
    client: Client,
    changes: Sequence[Any],
    expected: int | None,
) -> tuple[str, ...]:
    if changes:
        chain.bulk_write(changes)
    started = time.monotonic()
    found = _read(client, "/api/v1/audit/verify")
    seconds = time.monotonic() - started
    if found["first_bad"] != expected:
        raise Unexpected(f"{title}: {found} instead of {expected}")
    return title, f"{found['checked']:,}", str(found["first_bad"] or "none"), f"{seconds:.1f} s"


def _worst(title: str, queries: list[dict[str, Any]]) -> tuple[str, ...]:
    plans = sorted(
        {
            f"{one['ns'].partition('.')[2]}: {plan}"
            for one in queries
            for plan in _PLAN.findall(one["planSummary"])
        }
    )
    return (
        title,
        str(len(queries)),
        "; ".join(plans),
        f"{max((one.get('keysExamined', 0) for one in queries), default=0):,}",
        f"{max((one.get('docsExamined', 0) for one in queries), default=0):,}",
        "yes" if any(one.get("hasSortStage") for one in queries) else "",
    )


def _read(client: Client, path: str) -> dict[str, Any]:
    reply = client.ask("GET", path)
    if reply.status != 200:  # noqa: PLR2004  OK
        raise Unexpected(f"GET {path} was answered {reply.status}: {reply.body[:200]!r}")
    found: dict[str, Any] = json.loads(reply.body)
    return found
