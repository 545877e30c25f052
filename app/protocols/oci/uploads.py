"""Uploads of blobs: begun, and continued by any process, until they are finished or given up.

A row says how far an upload has come; the bytes are in the store. Each request names the
size that it saw when it records what it added, so of two at once one is told that it was
not in order, and a process that died has added nothing. The digest is computed while the
bytes pass, for as long as one process sees all of them; else they are read again.

The row is there before the first byte and goes in the transaction that links the blob. So
everything that a crash leaves in the store is named by a row that the collector finds. It is
written without waiting for the disk where a request begins or takes an upload: one whose row
is lost in a crash of MongoDB cannot be finished, and its client begins another one.

Spec: OCI distribution 1.1, "Pushing blobs".
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from bson import Timestamp

from app.auth.principal import Principal
from app.errors import InvalidInput, TooManyRequests, Unavailable
from app.extensions import settings, store
from app.models import BlobUpload, UploadState
from app.models.connection import write_unsynced
from app.models.fields import now
from app.models.rows import rows_of
from app.protocols.oci.hashing import Hashing, UploadHashes
from app.protocols.oci.names import Digest, ImageName
from app.protocols.oci.refusals import OutOfOrder, SizeInvalid, UploadUnknown
from app.protocols.oci.stored import blob_key, parts_key
from app.registry import quotas
from app.registry.bodies import Body
from app.registry.resolution import PackageRef
from app.storage.base import (
    PIECE_BYTES,
    Extension,
    Part,
    Unfinished,
    UploadBusy,
    UploadMissing,
)

MOST_OPEN = 200
"""Uploads that one user may have open at once."""

Row = dict[str, Any]  # a document as MongoDB holds it


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Where a client says that its bytes belong.

    Attributes:
        start: what the upload has to hold already.
        length: how many bytes there have to be.
    """

    start: int
    length: int


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One upload, as its row had it.

    Attributes:
        arrived: what is in the store.
        key: where the blob will be, once somebody finishes it, if it has no parts.
        hashed: digests of all of it; none where it has to be read again.
        taken_at: by MongoDB's clock, where this request will finish it; a transaction has to
            see the row as it was then.
    """

    id: str
    name: ImageName
    package: PackageRef
    arrived: Unfinished
    key: str
    hashed: Hashing | None
    wants_sha512: bool
    taken_at: Timestamp | None = None

    @property
    def size_bytes(self) -> int:
        """Return how many bytes have arrived."""
        return self.arrived.size_bytes

    @property
    def location(self) -> str:
        """Return its path; relative, so that no proxy can make it wrong."""
        return f"/v2/{self.name}/blobs/uploads/{self.id}"


def begin(
    principal: Principal,
    name: ImageName,
    package: PackageRef,
    *,
    wants_sha512: bool = False,
    finishing: Digest | None = None,
) -> Upload:
    """Begin an upload.

    Args:
        principal: may push to ``package``; nobody else sees the upload.
        name: of the package.
        package: where the blob will be linked.
        wants_sha512: the client will name the blob by it.
        finishing: the digest, where this very request will finish it.

    Raises:
        TooManyRequests: they have too many open.
        QuotaExceeded: the repository or organization is full.
    """
    quotas.require_room(package.repository, 0)
    _require_few_open(principal)
    upload_id = str(uuid.uuid4())
    row: Row = {
        "_id": upload_id,
        "package": package.id,
        "organization": package.repository.organization_id,
        "user": principal.user,
        "state": UploadState.OPEN,
        "wants_sha512": wants_sha512,
        "size_bytes": 0,
        "hashed_sha256": "",
        "hashed_sha512": "",
        "last_number": 0,
        "upload_id": "",
        "parts": [],
        "tail": b"",
        "parts_key": parts_key(package.repository.organization_slug, upload_id),
        "key": "",
        "created_at": now(),
        "touched_at": now(),
    }
    if finishing is not None:
        row["state"] = UploadState.FINISHING
        row["key"] = blob_key(package.repository.organization_slug, finishing, upload_id)
    inserted = write_unsynced(BlobUpload, lambda rows: rows.insert_one(row))
    return _upload(name, package, row, taken_at=inserted.at)


def find(principal: Principal, name: ImageName, package: PackageRef, upload_id: str) -> Upload:
    """Return an open upload of the caller's.

    Raises:
        UploadUnknown: there is none, or it is somebody else's, or too old, or being finished.
    """
    row = rows_of(BlobUpload).find_one(_open_key(principal, package, upload_id))
    if row is None:
        raise UploadUnknown
    return _upload(name, package, row)


def take(
    principal: Principal, name: ImageName, package: PackageRef, upload_id: str, digest: Digest
) -> Upload:
    """Return an open upload that this request alone will finish, or open again.

    Raises:
        UploadUnknown: as for :func:`find`.
        Unavailable: another request is finishing it, or died of that: the client may ask again,
            and begin anew if that does not help.
    """
    key = _open_key(principal, package, upload_id)
    changes = {
        "$set": {
            "state": UploadState.FINISHING,
            "key": blob_key(package.repository.organization_slug, digest, upload_id),
            "touched_at": now(),
        }
    }
    taken = write_unsynced(
        BlobUpload, lambda rows: rows.find_one_and_update(key, changes, return_document=True)
    )
    if taken.result is None:
        if rows_of(BlobUpload).find_one({**key, "state": UploadState.FINISHING}, {"_id": 1}):
            raise Unavailable(
                "Another request is finishing this upload. Try again in a few seconds."
            )
        raise UploadUnknown
    return _upload(name, package, taken.result, taken_at=taken.at)


def expired_before(moment: datetime) -> datetime:
    """Return when an upload that is too old now was last touched, at the latest."""
    return moment - timedelta(seconds=settings.oci_grace_seconds)


def append(upload: Upload, body: Body, chunk: Chunk | None) -> Upload:
    """Append a body, and record how much the upload holds then.

    What arrived of a body that breaks off is kept, so that the client can go on from there.

    Args:
        upload: as it was found.
        body: consumed.
        chunk: where it belongs, if the client says so.

    Raises:
        OutOfOrder: it does not belong here, or another request was faster.
        SizeInvalid: it has another length than the client says; nothing is kept.
        InvalidInput: it broke off.
        TooLarge: the blob would be over the limit; nothing is kept.
    """
    with arriving(upload, body, chunk) as added:
        record_progress(upload, added.upload, UploadState.OPEN)
    added.hashes.keep(upload.id)
    if added.broken is not None:
        raise added.broken
    return added.upload


def reopen(upload: Upload) -> None:
    """Let others go on with an upload that was taken and is not finished."""
    rows_of(BlobUpload).update_one(
        {"_id": upload.id, "state": UploadState.FINISHING}, {"$set": {"state": UploadState.OPEN}}
    )


def cancel(upload: Upload) -> None:
    """Give an upload up: first for everybody else, then in the store."""
    expired = rows_of(BlobUpload).update_one(
        {"_id": upload.id, "state": {"$ne": UploadState.EXPIRED}},
        {"$set": {"state": UploadState.EXPIRED, "upload_id": upload.arrived.upload_id}},
    )
    if expired.matched_count:
        store.forget(upload.arrived)
        rows_of(BlobUpload).delete_one({"_id": upload.id})


def unfinished_of(row: Row) -> Unfinished:
    """Return what an upload's row says of the store."""
    return Unfinished(
        id=row["_id"].replace("-", ""),
        key=row["parts_key"],
        next_number=partial(_next_number, row["_id"]),
        size_bytes=row["size_bytes"],
        upload_id=row["upload_id"],
        parts=tuple(
            Part(number=one["number"], size_bytes=one["size_bytes"], etag=one["etag"])
            for one in row["parts"]
        ),
        tail=bytes(row["tail"]),
    )


@dataclass(frozen=True, kw_only=True)
class Added:
    """What a request adds, in the store; its row does not know of it yet.

    Attributes:
        upload: with it.
        broken: set where the body ended too early.
    """

    upload: Upload
    extension: Extension
    hashes: UploadHashes
    broken: InvalidInput | None


@contextmanager
def arriving(
    upload: Upload, body: Body, chunk: Chunk | None, *, is_last: bool = False
) -> Iterator[Added]:
    """Put a body behind what has arrived; nobody else can until the block ends."""
    if chunk is not None and chunk.start != upload.size_bytes:
        raise OutOfOrder(upload.location, upload.size_bytes)
    hashes = UploadHashes.following(upload.id, upload.size_bytes, with_sha512=upload.wants_sha512)
    try:
        with store.extend(upload.arrived) as extension:
            broken = _take_in(body, chunk, hashes, extension)
            arrived = extension.finish(is_last=is_last and broken is None)
            hashed = hashes.result()
            if hashed is None and not hashes.added_bytes:
                hashed = upload.hashed
            yield Added(
                upload=replace(upload, arrived=arrived, hashed=hashed),
                extension=extension,
                hashes=hashes,
                broken=broken,
            )
    except UploadBusy as error:
        raise OutOfOrder(upload.location, upload.size_bytes) from error
    except UploadMissing as error:
        raise UploadUnknown from error


def _take_in(
    body: Body, chunk: Chunk | None, hashes: UploadHashes, extension: Extension
) -> InvalidInput | None:
    """Read a body to its end; returns the error where it broke off and what came is kept.

    A piece is hashed while it is written and the next one arrives.
    """
    try:
        while piece := body.read(PIECE_BYTES):
            hashes.update(piece)
            extension.write(piece)
    except InvalidInput as error:
        if chunk is not None:
            raise
        return error
    if chunk is not None and hashes.added_bytes != chunk.length:
        raise SizeInvalid(f"The body has {hashes.added_bytes} bytes, its range {chunk.length}.")
    return None


def record_progress(seen: Upload, now_there: Upload, state: UploadState) -> None:
    """Let the row say what has arrived, unless another request was faster.

    Args:
        seen: the upload before this request.
        now_there: the upload with what it added.
        state: that the row has; afterwards the upload is open.

    Raises:
        OutOfOrder: another one was faster.
        UploadUnknown: the upload is over.
    """
    arrived, hashed = now_there.arrived, now_there.hashed
    recorded = rows_of(BlobUpload).update_one(
        {"_id": seen.id, "state": state, "size_bytes": seen.size_bytes},
        {
            "$set": {
                "state": UploadState.OPEN,
                "size_bytes": arrived.size_bytes,
                "upload_id": arrived.upload_id,
                "parts": [vars(part) for part in arrived.parts],
                "tail": arrived.tail,
                "hashed_sha256": hashed.sha256 if hashed else "",
                "hashed_sha512": hashed.sha512 if hashed else "",
                "touched_at": now(),
            }
        },
    )
    if not recorded.matched_count:
        row = rows_of(BlobUpload).find_one({"_id": seen.id}, {"size_bytes": 1})
        if row is None:
            raise UploadUnknown
        raise OutOfOrder(seen.location, row["size_bytes"])


def _open_key(principal: Principal, package: PackageRef, upload_id: str) -> Row:
    return {
        "_id": upload_id,
        "package": package.id,
        "user": principal.user,
        "state": UploadState.OPEN,
        "touched_at": {"$gte": expired_before(now())},
    }


def _upload(
    name: ImageName, package: PackageRef, row: Row, *, taken_at: Timestamp | None = None
) -> Upload:
    hashed = None
    if row["hashed_sha256"]:
        hashed = Hashing(sha256=row["hashed_sha256"], sha512=row["hashed_sha512"])
    return Upload(
        name=name,
        package=package,
        id=row["_id"],
        arrived=unfinished_of(row),
        key=row["key"],
        hashed=hashed,
        wants_sha512=row["wants_sha512"],
        taken_at=taken_at,
    )


def _next_number(upload_id: str) -> int:
    row = rows_of(BlobUpload).find_one_and_update(
        {"_id": upload_id}, {"$inc": {"last_number": 1}}, {"last_number": 1}, return_document=True
    )
    if row is None:
        raise UploadUnknown
    return int(row["last_number"])


def _require_few_open(principal: Principal) -> None:
    living = {
        "user": principal.user,
        "state": UploadState.OPEN,
        "touched_at": {"$gte": expired_before(now())},
    }
    if rows_of(BlobUpload).count_documents(living, limit=MOST_OPEN) >= MOST_OPEN:
        raise TooManyRequests(
            f"You have {MOST_OPEN} uploads open. Finish or cancel some of them.",
            retry_after_seconds=60,
        )
