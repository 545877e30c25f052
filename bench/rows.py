"""The rows of the table: each is one load that every server gets."""

from __future__ import annotations

import itertools
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from bench import nginx, verdaccio
from bench.client import Unexpected
from bench.load import Run, drive_clients, drive_heads, drive_wrk
from bench.packages import KIB, MIB, publish_body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import Protocol

    from bench.client import Client, Reply
    from bench.peer import Peer
    from bench.programs import Program

    class Row(Protocol):
        """One load."""

        @property
        def title(self) -> str:
            """What it is, for people."""

        @property
        def aims(self) -> Mapping[str, float]:
            """The least ratios that Packhouse should reach, by the other server's name."""

        def measure(self, peer: Peer, tools: Tools) -> Run:
            """Drive it once.

            Raises:
                Unavailable: the server does not do this.
                Unexpected: the server failed.
            """


FULL = "application/json"
ABBREVIATED = "application/vnd.npm.install-v1+json"
VERSIONS = {"one": 1, "fifty": 50, "five-hundred": 500}
"""The packages whose documents are read, and how many versions they have."""
TARBALLS = {"small": 10 * KIB, "large": 5 * MIB}
"""The packages whose only tarball is read, and its size."""

GROWING = tuple(f"growing-{number}" for number in range(32))
"""The packages that get one version after another; enough of them that no two meet in one."""
GROWN_VERSIONS = 50
"""How many versions they have at the start."""

_PUBLISHED_BYTES = 100 * KIB
_LONGEST_SECONDS = 5
_PUBLISH_PATIENCE = 4  # times the seconds of the other rows: a publish is slower than a read


class Unavailable(Exception):
    """The server does not do what a row asks for; the message says what."""


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What rows drive their load with, and for how long.

    Attributes:
        scratch: where files may be put for a while.
        skopeo: none where there is none.
    """

    wrk: Program
    seconds: int
    scratch: Path
    skopeo: Program | None = None


@dataclass(frozen=True, kw_only=True)
class Read:
    """Small answers, the same one again and again.

    Attributes:
        path: below the server's base URL.
        is_conditional: the client has the current document; the answer is a 304.
        is_part: the headers ask for a part; the answer is a 206.
    """

    title: str
    path: str
    connections: int
    headers: Mapping[str, str] = field(default_factory=dict)
    is_conditional: bool = False
    is_part: bool = False
    aims: Mapping[str, float] = field(default_factory=dict)

    def measure(self, peer: Peer, tools: Tools) -> Run:
        """See :class:`Row`."""
        headers = {**peer.headers, **self.headers}
        with peer.client() as client:
            self._ask(client, headers)  # the first is slower than all that follow
            started = time.perf_counter()
            reply = self._ask(client, headers)
            alone_seconds = time.perf_counter() - started
            if self.is_conditional:
                headers = self._conditional(client, headers, reply)
        # A slow server gets the time for some requests on each connection.
        needed = int(3 * alone_seconds * self.connections) + 1
        seconds = min(max(tools.seconds, needed), max(tools.seconds, _LONGEST_SECONDS))
        return drive_wrk(tools.wrk, peer.base_url + self.path, headers, self.connections, seconds)

    def _ask(self, client: Client, headers: Mapping[str, str]) -> Reply:
        reply = client.ask("GET", self.path, headers=headers)
        if reply.status not in {200, 206}:
            raise Unexpected(f"GET {self.path} was answered {reply.status}")
        if self.is_part and reply.status != 206:  # noqa: PLR2004  Partial Content
            raise Unavailable("sends all of it")
        if "Accept-Encoding" in headers and reply.headers.get("content-encoding") != "gzip":
            raise Unavailable("does not compress")
        return reply

    def _conditional(
        self, client: Client, headers: Mapping[str, str], reply: Reply
    ) -> dict[str, str]:
        conditional = {**headers, "If-None-Match": reply.headers.get("etag", "none")}
        again = client.ask("GET", self.path, headers=conditional)
        if again.status != 304:  # noqa: PLR2004  Not Modified
            raise Unavailable(f"answers {again.status}")
        return conditional


@dataclass(frozen=True, kw_only=True)
class Heads:
    """Headers alone, the same ones again and again."""

    title: str
    path: str
    connections: int
    headers: Mapping[str, str] = field(default_factory=dict)
    aims: Mapping[str, float] = field(default_factory=dict)

    def measure(self, peer: Peer, tools: Tools) -> Run:
        """See :class:`Row`."""
        headers = {**peer.headers, **self.headers}
        return drive_heads(peer.base_url + self.path, headers, self.connections, tools.seconds)


@dataclass(frozen=True, kw_only=True)
class Download:
    """Large answers, read in large pieces."""

    title: str
    path: str
    connections: int
    aims: Mapping[str, float]

    def measure(self, peer: Peer, tools: Tools) -> Run:
        """See :class:`Row`."""

        def download(client: Client) -> int:
            return client.download(self.path)

        return drive_clients(
            peer.client, itertools.repeat(download), self.connections, tools.seconds
        )


@dataclass(frozen=True, kw_only=True)
class Publish:
    """New packages of one version; a file server just stores what it is sent."""

    title: str
    connections: int
    aims: Mapping[str, float]

    def measure(self, peer: Peer, tools: Tools) -> Run:
        """See :class:`Row`."""
        count = 40 * tools.seconds * self.connections
        names = [f"published-{uuid.uuid4().hex}" for _ in range(min(count, 320))]
        acts = iter([_publishing(peer, name, "1.0.0") for name in names])
        return publish_all(peer, acts, self.connections, tools)


@dataclass(frozen=True, kw_only=True)
class PublishNext:
    """One more version of packages that have some already."""

    title: str
    connections: int
    aims: Mapping[str, float]
    _published: Counter[str] = field(default_factory=Counter)  # by peer

    def measure(self, peer: Peer, tools: Tools) -> Run:
        """See :class:`Row`."""
        count = min(10 * tools.seconds, 40) * self.connections
        first = self._published[peer.name]
        self._published[peer.name] += count
        acts = iter([self._next(peer, number) for number in range(first, first + count)])
        return publish_all(peer, acts, self.connections, tools)

    def _next(self, peer: Peer, number: int) -> Callable[[Client], None]:
        round_number, index = divmod(number, len(GROWING))
        # Rows with other numbers of connections publish to the same packages.
        version = f"2.{self.connections}.{round_number}"
        return _publishing(peer, GROWING[index], version)


def publish_all(
    peer: Peer, acts: Iterator[Callable[[Client], None]], connections: int, tools: Tools
) -> Run:
    """Publish until there is nothing left, or for some times the seconds of other rows."""
    return drive_clients(
        peer.publishing_client, acts, connections, tools.seconds * _PUBLISH_PATIENCE
    )


def _publishing(peer: Peer, name: str, version: str) -> Callable[[Client], None]:
    body = publish_body(peer.base_url, name, version, _PUBLISHED_BYTES)
    path = f"/{name}" if peer.is_registry else f"/uploads/{name}"

    def publish(client: Client) -> None:
        client.put(path, body)

    return publish


@lru_cache(maxsize=1)
def all_rows() -> tuple[Row, ...]:
    """Return every row of the table, in its order."""
    rows: list[Row] = []
    for package, versions in VERSIONS.items():
        for form, accept in (("abbreviated", ABBREVIATED), ("full", FULL)):
            rows += _packument_rows(package, versions, form, accept)
    small, large = (f"/{name}/-/{name}-1.0.0.tgz" for name in TARBALLS)
    twice = {verdaccio.NAME: 2}
    rows += [
        Read(title=f"tarball, 10 KiB, c{count}", path=small, connections=count, aims=twice)
        for count in (1, 16)
    ]
    third = {verdaccio.NAME: 2, nginx.NAME: 1 / 3}
    rows += [
        Download(title=f"tarball, 5 MiB, c{count}", path=large, connections=count, aims=third)
        for count in (1, 8)
    ]
    more = {verdaccio.NAME: 1.5}
    rows += [
        Publish(title=f"publish, 100 KiB, a new package, c{count}", connections=count, aims=more)
        for count in (1, 8)
    ]
    rows += [
        PublishNext(
            title=f"publish, 100 KiB, the next after {GROWN_VERSIONS} versions, c{count}",
            connections=count,
            aims=more,
        )
        for count in (1, 8)
    ]
    return tuple(rows)


def _packument_rows(package: str, versions: int, form: str, accept: str) -> list[Row]:
    what = f"{form} packument, {versions} version{'s' if versions > 1 else ''}"
    aims = {verdaccio.NAME: {1: 3, 50: 15, 500: 100}[versions]}
    headers = {"Accept": accept}
    packed = {**headers, "Accept-Encoding": "gzip"}
    path = f"/{package}"
    return [
        Read(title=f"{what}, c1", path=path, connections=1, headers=headers, aims=aims),
        Read(title=f"{what}, c16", path=path, connections=16, headers=headers, aims=aims),
        Read(title=f"{what}, gzip, c16", path=path, connections=16, headers=packed, aims=aims),
        Read(
            title=f"{what}, 304, c16",
            path=path,
            connections=16,
            headers=headers,
            is_conditional=True,
            aims=aims,
        ),
    ]
