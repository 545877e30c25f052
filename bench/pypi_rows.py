"""The rows of the table of Python projects: each is one load that every server gets."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from bench import packhouse
from bench.client import Unexpected
from bench.load import drive_clients
from bench.packages import KIB, MIB
from bench.python_peers import DEVPI, PYPISERVER
from bench.rows import Download, Heads, Read, publish_all
from bench.wheels import Form, upload_form

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.client import Client
    from bench.load import Run
    from bench.peer import Peer
    from bench.rows import Row, Tools

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html"
FEW, MANY = "ten-files", "many-files"
FILE = "one-file"

_SMALL_BYTES = 4 * KIB
_LINK = re.compile(rb'<a [^>]*?href="([^"#]+)')
_TAIL_BYTES = 8 * KIB  # of a wheel: what pip and uv read to find the metadata in it
_LOADING_CONNECTIONS = 1  # devpi is slower with several in one project
_NO_LIMIT = float("inf")


@dataclass(frozen=True, kw_only=True)
class Paths:
    """Where a server has its index and takes uploads, below its base URL."""

    simple: str
    upload: str


_PATHS = {
    packhouse.NAME: Paths(simple="/simple/", upload="/legacy/"),
    DEVPI: Paths(simple="/+simple/", upload="/"),
    PYPISERVER: Paths(simple="/simple/", upload="/"),
}


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How much there is.

    Attributes:
        many: files of the project that has many.
    """

    projects: int = 1000
    many: int = 1000


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page of the simple index; none of ``project`` is the list of all."""

    title: str
    project: str
    accept: str
    connections: int
    is_conditional: bool = False
    is_compressed: bool = False
    aims: Mapping[str, float] = field(default_factory=dict)

    def measure(self, peer: Peer, tools: Tools) -> Run:
        """See ``rows.Row``."""
        headers = {"Accept": self.accept}
        if self.is_compressed:
            headers["Accept-Encoding"] = "gzip"
        row = Read(
            title=self.title,
            path=_path(peer, self.project),
            connections=self.connections,
            headers=headers,
            is_conditional=self.is_conditional,
        )
        return row.measure(peer, tools)


@dataclass(frozen=True, kw_only=True)
class File:
    """A file, or a part or the headers of it, under the URL that the index gives.

    Attributes:
        kind: makes the row for a path, below the server's origin.
    """

    title: str
    connections: int
    kind: Callable[..., Row] = Download
    aims: Mapping[str, float] = field(default_factory=dict)

    def measure(self, peer: Peer, tools: Tools) -> Run:
        """See ``rows.Row``."""
        url = urlsplit(_first_file(peer, FILE))
        row = self.kind(
            title=self.title, path=url.path, connections=self.connections, aims=self.aims
        )
        return row.measure(replace(peer, base_url=f"{url.scheme}://{url.netloc}"), tools)


_tail_of = partial(Read, headers={"Range": f"bytes=-{_TAIL_BYTES}"}, is_part=True)


@dataclass(frozen=True, kw_only=True)
class Upload:
    """New projects, of one wheel each."""

    title: str
    connections: int
    aims: Mapping[str, float]

    def measure(self, peer: Peer, tools: Tools) -> Run:
        """See ``rows.Row``."""
        count = min(20 * tools.seconds * self.connections, 160)
        forms = [upload_form(f"up-{uuid.uuid4().hex}", "1.0", MIB) for _ in range(count)]
        acts = (partial(_upload, peer=peer, form=form) for form in forms)
        return publish_all(peer, acts, self.connections, tools)


def upload_everything(peer: Peer, counts: Counts) -> None:
    """Upload what the rows read.

    Raises:
        Unexpected: a file was not accepted, or is not listed.
    """
    wanted = [(FEW, f"1.{number}") for number in range(10)]
    wanted += [(MANY, f"1.{number}") for number in range(counts.many)]
    wanted += [(f"project-{number}", "1.0") for number in range(counts.projects - 3)]
    acts = (_uploading(peer, project, version, _SMALL_BYTES) for project, version in wanted)
    drive_clients(peer.publishing_client, acts, _LOADING_CONNECTIONS, _NO_LIMIT)
    with peer.publishing_client() as client:
        _uploading(peer, FILE, "1.0", MIB)(client)
    for project, count in ((FEW, 10), (MANY, counts.many), ("", counts.projects)):
        if (found := len(_links(peer, project))) != count:
            raise Unexpected(f"{peer.name} lists {found} of {count} for {project!r}")


def _uploading(peer: Peer, project: str, version: str, size_bytes: int) -> Callable[[Client], None]:
    def upload(client: Client) -> None:
        _upload(client, peer=peer, form=upload_form(project, version, size_bytes))

    return upload


def _upload(client: Client, *, peer: Peer, form: Form) -> None:
    headers = {"Content-Type": form.content_type}
    reply = client.ask("POST", _PATHS[peer.name].upload, form.body, headers)
    if reply.status != 200:  # noqa: PLR2004  OK
        raise Unexpected(f"{peer.name} answered an upload {reply.status}: {reply.body[:200]!r}")


def _first_file(peer: Peer, project: str) -> str:
    return urljoin(peer.base_url + _path(peer, project), _links(peer, project)[0])


def _links(peer: Peer, project: str) -> list[str]:
    """Return where a page leads to, as it says it."""
    path = _path(peer, project)
    with peer.client() as client:
        reply = client.ask("GET", path, headers={"Accept": HTML})
    if reply.status != 200:  # noqa: PLR2004  OK
        raise Unexpected(f"{peer.name} answered GET {path} {reply.status}")
    return [link.decode() for link in _LINK.findall(reply.body)]


def _path(peer: Peer, project: str) -> str:
    """Return the path of a project's page; of none, that of the list of all."""
    return _PATHS[peer.name].simple + (f"{project}/" if project else "")


def all_rows(counts: Counts) -> tuple[Row, ...]:
    """Return every row of the table, in its order."""
    rows: list[Row] = []
    for project, what, aim in (
        (FEW, "page of 10 files", 8),
        (MANY, f"page of {counts.many:,} files", 100),
        ("", f"index of {counts.projects:,} projects", 5),
    ):
        aims: dict[str, float] = {DEVPI: aim}
        if not project:
            aims[PYPISERVER] = aim
        rows += [
            Page(
                title=f"{what}, {form}, c{count}",
                project=project,
                accept=accept,
                connections=count,
                aims=aims,
            )
            for form, accept in (("HTML", HTML), ("JSON", JSON))
            for count in (1, 16)
        ]
        compressed = partial(Page, project=project, connections=16, is_compressed=True)
        conditional = partial(Page, project=project, connections=16, is_conditional=True)
        rows += [
            compressed(title=f"{what}, HTML, gzip, c16", accept=HTML),
            compressed(title=f"{what}, JSON, gzip, c16", accept=JSON),
            conditional(title=f"{what}, HTML, 304, c16", accept=HTML),
            conditional(title=f"{what}, JSON, 304, c16", accept=JSON),
        ]
    files, uploads = {DEVPI: 2.0, PYPISERVER: 2.0}, {DEVPI: 1.5, PYPISERVER: 1.5}
    rows += [
        File(title=f"file, 1 MiB, c{count}", connections=count, aims=files) for count in (1, 8)
    ]
    rows += [
        File(title="file, 1 MiB, HEAD, c16", connections=16, kind=Heads, aims=files),
        File(title="file, the last 8 KiB of 1 MiB, c16", connections=16, kind=_tail_of, aims=files),
    ]
    rows += [
        Upload(title=f"upload, 1 MiB, a new project, c{count}", connections=count, aims=uploads)
        for count in (1, 8)
    ]
    return tuple(rows)
