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
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from bson import ObjectId
from redis.exceptions import RedisError

from app.errors import NotFound
from app.extensions import coherence, redis, settings
from app.models import Package, User, Version, VersionState
from app.models.rows import rows_of
from app.offload import off_hub
from app.registry.resolution import PackageRef

log = structlog.get_logger(__name__)

_KEPT_SECONDS = 24 * 3600
_LARGEST_KEPT_BYTES = 16 * 1024 * 1024
_WORTH_COMPRESSING_BYTES = 512
_GZIP_LEVEL = 6
_READ_ATTEMPTS = 5


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
    modified_at: datetime

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
        versions: its ``versions`` rows that are published, oldest first, without the
            README; ``withdrawn`` holds those that were.
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
    """

    name: str
    media_type: str
    render: Callable[[Snapshot, str], bytes]


def document_of(package: PackageRef, kind: DocumentKind, base_url: str) -> Document:
    """Return a document of a package that the caller may read.

    Raises:
        NotFound: the package was deleted meanwhile.
    """

    def load() -> Document:
        coherence.depends_on(package.name.tag)
        revision = _revision_of(package.id)
        key = _shared_key(package.id, revision, kind, base_url)
        found = _recall(key)
        if found is None:
            found = _render(read_snapshot(package.id), kind, base_url)
            _remember(key, found)
        return found

    return coherence.cached(
        ("document", package.id, kind.name, base_url), load, size_bytes=lambda one: one.size_bytes
    )


def read_snapshot(package_id: ObjectId) -> Snapshot:
    """Read a package's rows so that they belong to one revision.

    Raises:
        NotFound: it is deleted.
    """
    for _attempt in range(_READ_ATTEMPTS):
        snapshot = _read_rows(package_id)
        if _revision_of(package_id) == snapshot.revision:
            break
    return snapshot


def _read_rows(package_id: ObjectId) -> Snapshot:
    package = rows_of(Package).find_one({"_id": package_id, "deleted_at": None})
    if package is None:
        raise NotFound
    rows = list(
        rows_of(Version)
        .find({"package": package_id}, {"readme": 0})
        .sort([("published_at", 1), ("_id", 1)])
    )
    latest = rows_of(Version).find_one(
        {"package": package_id, "number": package.get("latest_number")}, {"readme": 1}
    )
    return Snapshot(
        package=package,
        versions=[one for one in rows if one["state"] == VersionState.PUBLISHED],
        withdrawn=[one for one in rows if one["state"] == VersionState.WITHDRAWN],
        readme=(latest or {}).get("readme") or "",
        people=_people(package, rows),
    )


def _people(package: dict[str, Any], versions: list[dict[str, Any]]) -> dict[ObjectId, Person]:
    ids = {
        *package.get("owners", ()),
        *package.get("starred_by", ()),
        *(one["published_by"] for one in versions if one.get("published_by")),
    }
    rows = rows_of(User).find({"_id": {"$in": list(ids)}}, {"username": 1, "email": 1})
    return {row["_id"]: Person(username=row["username"], email=row["email"]) for row in rows}


def _revision_of(package_id: ObjectId) -> int:
    row = rows_of(Package).find_one(
        {"_id": package_id, "deleted_at": None}, {"revision": 1, "_id": 0}
    )
    if row is None:
        raise NotFound
    return int(row["revision"])


def _render(snapshot: Snapshot, kind: DocumentKind, base_url: str) -> Document:
    body = kind.render(snapshot, base_url)
    compressed = off_hub(_compress, body) if len(body) >= _WORTH_COMPRESSING_BYTES else None
    digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()[:18]).decode()
    return Document(
        body=body,
        etag=f'"{digest}"',
        compressed=compressed,
        compressed_etag=f'"{digest}-gz"',
        media_type=kind.media_type,
        modified_at=snapshot.package["updated_at"],
    )


def _compress(body: bytes) -> bytes:
    worker = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return worker.compress(body) + worker.flush()


def _shared_key(package_id: ObjectId, revision: int, kind: DocumentKind, base_url: str) -> str:
    base = hashlib.sha256(base_url.encode()).hexdigest()[:16]
    return f"{settings.redis_prefix}doc:{package_id}:{revision}:{kind.name}:{base}"


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
        modified_at=datetime.fromisoformat(facts["modified_at"]),
    )


def _remember(key: str, document: Document) -> None:
    if document.size_bytes > _LARGEST_KEPT_BYTES:
        return
    head = json.dumps(
        {
            "body_bytes": len(document.body),
            "etag": document.etag,
            "compressed_etag": document.compressed_etag,
            "media_type": document.media_type,
            "modified_at": document.modified_at.isoformat(),
        }
    ).encode()
    kept = b"".join((head, b"\n", document.body, document.compressed or b""))
    try:
        redis.set(key, kept, ex=_KEPT_SECONDS)
    except RedisError:
        log.warning("document.not_shared", size_bytes=len(kept))
