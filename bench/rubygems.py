"""The compact index, with few gems and with many: what a push costs, and what a client fetches.

There is nothing to compare it with: two Packhouses of different sizes take turns.
"""

from __future__ import annotations

import hashlib
import statistics
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from bson import ObjectId

from app.models import Counter, File, ListingEntry, Package, Repository, Version
from app.models.rows import rows_of
from app.protocols.rubygems import compact_index
from app.registry.search_terms import terms_of
from bench import gems, report
from bench.client import Client, Reply, Unexpected
from bench.database import of_packhouse
from bench.load import summed_up
from bench.packhouse import ORGANIZATION, Packhouse, packhouse
from bench.telling import progress, say

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from mongoengine import Document

    from bench.measuring import Journal
    from bench.rows import Tools

_FEW, _MANY, _QUICK = 1_000, 100_000, 2_000
_PUSHES_IN_A_ROUND = 20
_WARMING_FETCHES = 20
_INDEX_AIM_MS = 50  # from the answer to a push until a client has what it added to the index
_BATCH = 2_000
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_BASE = f"/o/{ORGANIZATION}/rubygems"


@dataclass(kw_only=True)
class _Side:
    """One of the two registries.

    Attributes:
        size_bytes, etag: of ``/versions`` as a client has it.
        pushes, fetches: how long each took, in seconds. A gem is visible after both.
        tails: how many bytes a client got of what was new.
    """

    name: str
    registry: Packhouse
    size_bytes: int = 0
    etag: str = ""
    pushes: list[float] = field(default_factory=list)
    fetches: list[float] = field(default_factory=list)
    tails: list[int] = field(default_factory=list)

    @property
    def visible(self) -> list[float]:
        """Return how long it took from the beginning of each push until a client knew of it."""
        return [push + fetch for push, fetch in zip(self.pushes, self.fetches, strict=True)]

    def client(self) -> Client:
        """Return a new connection."""
        return Client(self.registry.origin + _BASE, self.registry.peer.headers)

    def fetch_all(self) -> float:
        """Fetch ``/versions`` as a client does that has nothing; returns milliseconds."""
        with self.client() as client:
            started = time.perf_counter()
            reply = _expect(client.ask("GET", "/versions"), 200)
            elapsed = (time.perf_counter() - started) * 1e3
        self.size_bytes, self.etag = len(reply.body), reply.headers["etag"]
        return elapsed

    def push_and_fetch(self, client: Client) -> None:
        """Push a new gem, and fetch what that added to ``/versions``.

        The fetch has a connection of its own, so that either web worker may get it.

        Raises:
            Unexpected: the gem is not in it.
        """
        name = f"pushed-{uuid.uuid4().hex}"
        body = gems.gem(name, "1.0.0")
        started = time.perf_counter()
        _expect(client.ask("POST", "/api/v1/gems", body), 200)
        pushed = time.perf_counter()
        wanted = {"If-None-Match": self.etag, "Range": f"bytes={self.size_bytes - 1}-"}
        with self.client() as reader:
            reply = _expect(reader.ask("GET", "/versions", headers=wanted), 206)
        self.fetches.append(time.perf_counter() - pushed)
        self.pushes.append(pushed - started)
        if name.encode() not in reply.body:
            raise Unexpected(f"{name} was pushed, and /versions does not have it")
        self.tails.append(len(reply.body))
        self.size_bytes += len(reply.body) - 1
        self.etag = reply.headers["etag"]


def compare(options: argparse.Namespace, tools: Tools, journal: Journal, data: Path) -> None:
    """Measure pushes and incremental fetches of both.

    Raises:
        CannotStart: a server did not come up.
        Unexpected: a server failed.
    """
    del tools
    with ExitStack() as stack:
        sizes = (_FEW // 10, _QUICK) if options.quick else (_FEW, _MANY)
        sides = [_side(count, data, stack) for count in sizes]
        first = {side.name: side.fetch_all() for side in sides}
        # Each of its connections may come to another web worker.
        again = {side.name: [side.fetch_all() for _ in range(_WARMING_FETCHES)] for side in sides}
        sizes_bytes = {side.name: side.size_bytes for side in sides}
        for number in range(options.rounds):
            progress(f"round {number + 1}")
            for side in sides if number % 2 == 0 else reversed(sides):
                with side.client() as client:
                    for _ in range(_PUSHES_IN_A_ROUND):
                        side.push_and_fetch(client)
        for side in sides:
            journal.note(row="versions", side=side.name, push=side.pushes, fetch=side.fetches)
        rows: list[tuple[str, ...]] = [
            ("`/versions`", *(f"{sizes_bytes[side.name]:,} bytes" for side in sides)),
            ("fetched whole, the first time", *(_ms(first[side.name]) for side in sides)),
            (
                "fetched whole by another client, p50 · slowest",
                *(
                    f"{_ms(statistics.median(again[side.name]))} · {_ms(max(again[side.name]))}"
                    for side in sides
                ),
            ),
            ("a push, p50 · p99", *(_times(side.pushes) for side in sides)),
            (
                f"what is new, p50 · p99 (aim {_INDEX_AIM_MS} ms)",
                *(_times(side.fetches) for side in sides),
            ),
            ("a push until it is visible, p50 · p99", *(_times(side.visible) for side in sides)),
            ("what is new, at most", *(f"{max(side.tails)} bytes" for side in sides)),
        ]
        say(report.table(["", *(side.name for side in sides)], rows))
        say(report.memory(sides[1].registry.peaks()))


def _side(count: int, data: Path, stack: ExitStack) -> _Side:
    folder = data / str(count)
    registry = stack.enter_context(packhouse(folder))
    side = _Side(name=f"{count:,} gems", registry=registry)
    with side.client() as client:
        _expect(client.ask("POST", "/api/v1/gems", gems.gem("the-first", "1.0.0")), 200)
    started = time.monotonic()
    with of_packhouse(folder):
        _seed(count)
    progress(f"{side.name}: seeded in {time.monotonic() - started:.0f} s")
    return side


def _seed(count: int) -> None:
    """Insert gems as pushes leave them, without their files."""
    repository = rows_of(Repository).find_one({"protocol": "rubygems"})
    if repository is None:
        raise Unexpected("the first push made no repository")
    ids = [ObjectId() for _ in range(count)]
    first = Counter.take("listing:rubygems", count)
    for kind, rows in (
        (Package, (_package(place, one, repository) for place, one in enumerate(ids))),
        (Version, (_version(place, one) for place, one in enumerate(ids))),
        (ListingEntry, (_entry(place, first + place, repository) for place in range(count))),
    ):
        documents = iter(rows)
        while batch := [one.to_mongo() for one in islice(documents, _BATCH)]:
            rows_of(kind).insert_many(batch, ordered=False)


def _package(place: int, package: ObjectId, repository: dict[str, Any]) -> Document:
    moment = _EPOCH + timedelta(seconds=place)
    return Package(
        id=package,
        protocol="rubygems",
        organization=repository["organization"],
        repository=repository["_id"],
        name=_name(place),
        display_name=_name(place),
        revision=1,
        terms=terms_of(_name(place), "", ()),
        latest_number="1",
        latest_display="1.0.0",
        published_at=moment,
        created_at=moment,
        updated_at=moment,
    )


def _version(place: int, package: ObjectId) -> Document:
    filename = f"{_name(place)}-1.0.0.gem"
    return Version(
        package=package,
        number="1",
        display_number="1.0.0",
        manifest=b"{}",
        facts={"info_line": _line(place)},
        published_at=_EPOCH + timedelta(seconds=place),
        files=[File(filename=filename, key=f"bench/{filename}", size_bytes=1, sha256="")],
    )


def _entry(place: int, sequence: int, repository: dict[str, Any]) -> Document:
    info = compact_index.info_document([_line(place)])
    return ListingEntry(
        id=ObjectId(),
        protocol="rubygems",
        sequence=sequence,
        repository=repository["_id"],
        name=_name(place),
        holds_name=True,
        text=compact_index.versions_line(_name(place), ["1.0.0"], info),
    )


def _line(place: int) -> str:
    digest = hashlib.sha256(str(place).encode()).hexdigest()
    return f"1.0.0 |checksum:{digest},created_at:2026-01-01T00:00:00Z"


def _name(place: int) -> str:
    return f"seeded-gem-{place}"


def _expect(reply: Reply, status: int) -> Reply:
    if reply.status != status:
        raise Unexpected(f"answered {reply.status}, not {status}: {reply.body[:200]!r}")
    return reply


def _times(seconds: list[float]) -> str:
    run = summed_up(seconds, sum(seconds))
    return f"{_ms(run.p50_ms)} · {_ms(run.p99_ms)}"


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.1f} ms"
