"""Documents: what a protocol says about one package, rendered once per revision.

A document is a pure function of the package's rows at a revision. It is kept, as bytes
with its ETag and its gzip form, in each process's memory while a lease allows, and in
Redis for all processes, under the revision that it shows. A hot read costs no query.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import structlog
from bson import ObjectId
from redis.exceptions import RedisError

from app.auth.principal import Principal
from app.errors import NotFound, Unavailable
from app.extensions import coherence, redis, settings
from app.models import Package, User, Version, VersionState
from app.models.rows import rows_of
from app.offload import off_hub
from app.registry.reading import record_read
from app.registry.resolution import PackageRef

log = structlog.get_logger(__name__)

_KEPT_SECONDS = 24 * 3600
_LARGEST_KEPT_BYTES = 16 * 1024 * 1024
_WORTH_COMPRESSING_BYTES = 512
_GZIP_LEVEL = 6
_READ_ATTEMPTS = 5
# What is large is asked for by itself: READMEs, and what is said of how a version was built.
_IN_A_SNAPSHOT = {"readme": 0, "facts.provenance": 0}


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """One rendered document.

    Attributes:
        etag: strong, quoted, of the plain form.
        compressed: the gzip form; none where it would not be smaller.
        compressed_etag: strong, quoted, of the gzip form.
    """

    body: bytes
    etag: str
    compressed: bytes | None
    compressed_etag: str
    media_type: str
    modified_at: datetime | None = None

    @property
    def size_bytes(self) -> int:
        """Return what keeping it costs."""
        return len(self.body) + len(self.compressed or b"") + 512


@dataclass(frozen=True, kw_only=True)
class Person:
    """A user, as documents name them."""

    username: str
    email: str


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A package's rows at one revision, as MongoDB holds them.

    Attributes:
        package: the ``packages`` row.
        versions: its ``versions`` rows that are published, oldest first, without README and
            provenance; ``withdrawn`` holds those that were.
        readme: of the version that speaks for the package.
        people: username and e-mail address of each user that the rows name, by id.
    """

    package: dict[str, Any]
    versions: list[dict[str, Any]]
    withdrawn: list[dict[str, Any]]
    readme: str
    people: dict[ObjectId, Person]

    @property
    def revision(self) -> int:
        """Return the revision that these rows show."""
        return int(self.package["revision"])


@dataclass(frozen=True, kw_only=True)
class DocumentKind:
    """One kind of document that a protocol gives of a package.

    Attributes:
        name: unique among all protocols: ``npm/packument``.
        render: rows and base URL to bytes; pure.
        is_shared: there are but a few of them for each package.
        readme_of: the number, in normal form, of the version whose README it shows; where it
            is empty, that of the version that speaks for the package.
        manifests_of: the numbers, in normal form, of the versions whose manifests it shows, an
            empty one for the version that speaks for the package; where there is none of it,
            those of all. They may be much larger than all else.
    """

    name: str
    media_type: str
    render: Callable[[Snapshot, str], bytes]
    is_shared: bool = True
    readme_of: str = ""
    manifests_of: frozenset[str] | None = None


def document_of(
    principal: Principal, package: PackageRef, kind: DocumentKind, base_url: str
) -> Document:
    """Return a document of a package that the caller may read.

    Raises:
        NotFound: the package was deleted meanwhile.
        Unavailable: as for ``reading.record_read``.
    """

    def load() -> Document:
        coherence.depends_on(package.name.tag)
        if not _is_shared(kind):
            return _render(_snapshot_for(kind, package.id), kind, base_url)
        found = _recall(_shared_key(package.id, _state_of(package.id), kind, base_url))
        if found is None:
            snapshot = _snapshot_for(kind, package.id)
            found = _render(snapshot, kind, base_url)
            state = State.of(snapshot.package)
            _remember(_shared_key(package.id, state, kind, base_url), found)
        return found

    document = coherence.cached(
        ("document", package.id, kind.name, base_url), load, size_bytes=lambda one: one.size_bytes
    )
    record_read(principal, package, document=kind.name)
    return document


def _snapshot_for(kind: DocumentKind, package_id: ObjectId) -> Snapshot:
    return read_snapshot(package_id, kind.readme_of, kind.manifests_of)


def read_snapshot(
    package_id: ObjectId, readme_of: str = "", manifests_of: frozenset[str] | None = None
) -> Snapshot:
    """Read a package's rows so that they belong to one revision.

    Args:
        package_id: whose.
        readme_of, manifests_of: see :class:`DocumentKind`.

    Raises:
        NotFound: it is deleted.
        Unavailable: it changes faster than it can be read.
    """
    for _attempt in range(_READ_ATTEMPTS):
        snapshot = _read_rows(package_id, readme_of, manifests_of)
        if _state_of(package_id) == State.of(snapshot.package):
            return snapshot
    raise Unavailable


def _read_rows(
    package_id: ObjectId, readme_of: str, manifests_of: frozenset[str] | None
) -> Snapshot:
    package = rows_of(Package).find_one({"_id": package_id, "deleted_at": None})
    if package is None:
        raise NotFound
    latest_number = package.get("latest_number") or ""
    if manifests_of is not None:
        manifests_of = frozenset(one or latest_number for one in manifests_of)
    # Sorted here: MongoDB gives up where the rows to sort are more than 100 MB.
    rows = sorted(
        _version_rows(package_id, manifests_of),
        key=lambda one: (one["published_at"], one["_id"]),
    )
    latest = rows_of(Version).find_one(
        {"package": package_id, "number": readme_of or latest_number}, {"readme": 1}
    )
    return Snapshot(
        package=package,
        versions=[one for one in rows if one["state"] == VersionState.PUBLISHED],
        withdrawn=[one for one in rows if one["state"] == VersionState.WITHDRAWN],
        readme=(latest or {}).get("readme") or "",
        people=_people(package, rows),
    )


def _version_rows(
    package_id: ObjectId, manifests_of: frozenset[str] | None
) -> Iterable[dict[str, Any]]:
    if manifests_of is None:
        return rows_of(Version).find({"package": package_id}, _IN_A_SNAPSHOT)
    rows = {
        row["_id"]: row
        for row in rows_of(Version).find({"package": package_id}, {**_IN_A_SNAPSHOT, "manifest": 0})
    }
    wanted = {"package": package_id, "number": {"$in": list(manifests_of)}}
    for found in rows_of(Version).find(wanted, {"manifest": 1}) if manifests_of else ():
        if found["_id"] in rows:  # Or it came meanwhile, and all are read again.
            rows[found["_id"]]["manifest"] = found["manifest"]
    return rows.values()


def _people(package: dict[str, Any], versions: list[dict[str, Any]]) -> dict[ObjectId, Person]:
    ids = {
        *package.get("owners", ()),
        *package.get("starred_by", ()),
        *(one["published_by"] for one in versions if one.get("published_by")),
    }
    rows = rows_of(User).find({"_id": {"$in": list(ids)}}, {"username": 1, "email": 1})
    return {row["_id"]: Person(username=row["username"], email=row["email"]) for row in rows}


@dataclass(frozen=True, kw_only=True)
class State:
    """Which state of a package some rows show.

    The revision alone is not enough: one that MongoDB lost in a failover, or with the backup that
    it was restored from, is counted again, for another change.
    """

    revision: int
    changed_at: datetime

    @classmethod
    def of(cls, row: dict[str, Any]) -> Self:
        """Read it from a ``packages`` row."""
        return cls(revision=int(row["revision"]), changed_at=row["updated_at"])


def _state_of(package_id: ObjectId) -> State:
    row = rows_of(Package).find_one(
        {"_id": package_id, "deleted_at": None}, {"revision": 1, "updated_at": 1, "_id": 0}
    )
    if row is None:
        raise NotFound
    return State.of(row)


def _render(snapshot: Snapshot, kind: DocumentKind, base_url: str) -> Document:
    body = kind.render(snapshot, base_url)
    return make_document(body, kind.media_type, modified_at=snapshot.package["updated_at"])


def make_document(body: bytes, media_type: str, *, modified_at: datetime | None = None) -> Document:
    """Return a body with its ETags and its gzip form."""
    compressed = off_hub(_compress, body) if len(body) >= _WORTH_COMPRESSING_BYTES else None
    if compressed is not None and len(compressed) >= len(body):
        compressed = None
    digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()[:18]).decode()
    return Document(
        body=body,
        etag=f'"{digest}"',
        compressed=compressed,
        compressed_etag=f'"{digest}-gz"',
        media_type=media_type,
        modified_at=modified_at,
    )


def _compress(body: bytes) -> bytes:
    worker = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return worker.compress(body) + worker.flush()


def _is_shared(kind: DocumentKind) -> bool:
    """Whether other processes are given what this one rendered.

    Not where a client chooses under how many names: by a host name of its own, or by all the
    ways to say a version. They would fill Redis, where each process only fills its own share.
    """
    return kind.is_shared and bool(settings.public_url)


def _shared_key(package_id: ObjectId, state: State, kind: DocumentKind, base_url: str) -> str:
    base = hashlib.sha256(base_url.encode()).hexdigest()[:16]
    moment = round(state.changed_at.timestamp() * 1000)
    return f"{settings.redis_prefix}doc:{package_id}:{state.revision}-{moment}:{kind.name}:{base}"


def _recall(key: str) -> Document | None:
    """Read a document that some process rendered; Redis being away is only slower."""
    try:
        kept = redis.get(key)
    except RedisError:
        return None
    if not isinstance(kept, bytes):
        return None
    head, _, payload = kept.partition(b"\n")
    facts = json.loads(head)
    split = facts["body_bytes"]
    return Document(
        body=payload[:split],
        etag=facts["etag"],
        compressed=payload[split:] or None,
        compressed_etag=facts["compressed_etag"],
        media_type=facts["media_type"],
        modified_at=_moment(facts["modified_at"]),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _remember(key: str, document: Document) -> None:
    if document.size_bytes > _LARGEST_KEPT_BYTES:
        return
    head = json.dumps(
        {
            "body_bytes": len(document.body),
            "etag": document.etag,
            "compressed_etag": document.compressed_etag,
            "media_type": document.media_type,
            "modified_at": None
            if document.modified_at is None
            else document.modified_at.isoformat(),
        }
    ).encode()
    kept = b"".join((head, b"\n", document.body, document.compressed or b""))
    try:
        redis.set(key, kept, ex=_KEPT_SECONDS)
    except RedisError:
        log.warning("document.not_shared", size_bytes=len(kept))
