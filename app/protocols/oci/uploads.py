"""Uploads of blobs: begun, continued by any process, finished or given up.

A row says how far an upload has come; the bytes are in the store. Each request names the
size that it saw when it records what it added, so of two at once one is told that it was
not in order, and a process that died has added nothing. The digest is computed while the
bytes pass, for as long as one process sees all of them; else they are read again.

The row is there before the first byte and goes in the transaction that links the blob. So
everything that a crash leaves in the store is named by a row that the collector finds.

Spec: OCI distribution 1.1, "Pushing blobs".
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from mongoengine import NotUniqueError

from app import audit
from app.auth.principal import Principal
from app.errors import InvalidInput, TooManyRequests
from app.extensions import settings, store
from app.models import Blob, BlobUpload, Garbage, UploadState, in_transaction
from app.models.fields import now
from app.models.rows import rows_of
from app.protocols.oci import blobs, quotas
from app.protocols.oci.hashing import Hashing, PassingHashes, hash_again
from app.protocols.oci.names import PROTOCOL_NAME, Digest, ImageName
from app.protocols.oci.refusals import (
    ContentMismatch,
    OutOfOrder,
    SizeInvalid,
    UploadUnknown,
)
from app.registry.bodies import Body
from app.registry.changes import record
from app.registry.resolution import PackageRef
from app.storage.base import (
    PIECE_BYTES,
    Extension,
    Part,
    Unfinished,
    UploadBusy,
    UploadMissing,
)
from app.storage.keys import object_key

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
        hashed: digests of all of it; none where it has to be read again.
    """

    id: str
    name: ImageName
    package: PackageRef
    arrived: Unfinished
    hashed: Hashing | None
    wants_sha512: bool

    @property
    def size_bytes(self) -> int:
        """Return how many bytes have arrived."""
        return self.arrived.size_bytes

    @property
    def location(self) -> str:
        """Return its path; relative, so that no proxy can make it wrong."""
        return f"/v2/{self.name}/blobs/uploads/{self.id}"


def begin(
    principal: Principal, name: ImageName, package: PackageRef, *, wants_sha512: bool = False
) -> Upload:
    """Begin an upload.

    Args:
        principal: may push to ``package``; nobody else sees the upload.
        name: of the package.
        package: where the blob will be linked.
        wants_sha512: the client will name the blob by it.

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
        "repository": package.repository.id,
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
        "parts_key": _parts_key(package, upload_id),
        "key": "",
        "created_at": now(),
        "touched_at": now(),
    }
    rows_of(BlobUpload).insert_one(row)
    return _upload(name, package, row)


def find(principal: Principal, name: ImageName, package: PackageRef, upload_id: str) -> Upload:
    """Return an open upload of the caller's.

    Raises:
        UploadUnknown: there is none, or it is somebody else's, or too old.
    """
    row = rows_of(BlobUpload).find_one(
        {
            "_id": upload_id,
            "package": package.id,
            "user": principal.user,
            "state": UploadState.OPEN,
            "touched_at": {"$gte": expired_before(now())},
        }
    )
    if row is None:
        raise UploadUnknown
    return _upload(name, package, row)


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
    with _arriving(upload, body, chunk) as arriving:
        _record(upload, arriving.upload)
    arriving.hashes.keep(upload.id)
    if arriving.broken is not None:
        raise arriving.broken
    return arriving.upload


def finish(
    principal: Principal, upload: Upload, digest: Digest, body: Body, chunk: Chunk | None
) -> None:
    """Append the rest, and make the upload a blob of its package.

    Args:
        principal: whose upload it is.
        upload: as it was found.
        digest: that the blob has to have.
        body: the last bytes, or all, or none.
        chunk: where they belong, if the client says so.

    Raises:
        ContentMismatch: the bytes have another digest. The upload is over.
        OutOfOrder, SizeInvalid, InvalidInput, TooLarge: as for :func:`append`.
        QuotaExceeded: the repository or organization is full.
    """
    is_sha512 = digest.algorithm == "sha512"
    wanted = replace(upload, wants_sha512=upload.wants_sha512 or is_sha512)
    with _arriving(wanted, body, chunk, is_last=True) as arriving:
        whole = arriving.upload
        if arriving.broken is not None:
            _record(upload, whole)
            raise arriving.broken
        quotas.require_room(upload.package.repository, whole.size_bytes)
        hashed = whole.hashed
        if hashed is not None and hashed.of(digest.algorithm):
            if hashed.of(digest.algorithm) != digest.hex:
                _give_up(whole)
                raise ContentMismatch(digest, f"{digest.algorithm}:{hashed.of(digest.algorithm)}")
            if _link_stored(principal, upload, whole, hashed):
                return
        key = _blob_key(whole, digest)
        _mark_finishing(upload, whole, key)
        key = arriving.extension.complete(key)
    if hashed is None or not hashed.of(digest.algorithm):
        hashed = hash_again(store.open(key), with_sha512=is_sha512)
        if hashed.of(digest.algorithm) != digest.hex:
            store.delete(key)
            rows_of(BlobUpload).delete_one({"_id": whole.id})
            raise ContentMismatch(digest, f"{digest.algorithm}:{hashed.of(digest.algorithm)}")
    _link_new(principal, whole, hashed, key)


def cancel(upload: Upload) -> None:
    """Give an upload up, and free what arrived."""
    _give_up(upload)


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
class _Arriving:
    """What a request adds, durable in the store; its row does not know of it yet.

    Attributes:
        upload: with it.
        broken: set where the body ended too early.
    """

    upload: Upload
    extension: Extension
    hashes: PassingHashes
    broken: InvalidInput | None


@contextmanager
def _arriving(
    upload: Upload, body: Body, chunk: Chunk | None, *, is_last: bool = False
) -> Iterator[_Arriving]:
    """Put a body behind what has arrived; nobody else can until the block ends."""
    if chunk is not None and chunk.start != upload.size_bytes:
        raise OutOfOrder(upload.location, upload.size_bytes)
    hashes = PassingHashes.following(upload.id, upload.size_bytes, with_sha512=upload.wants_sha512)
    try:
        with store.extend(upload.arrived) as extension:
            broken = _take_in(body, chunk, hashes, extension)
            arrived = extension.finish(is_last=is_last and broken is None)
            hashed = hashes.result()
            if hashed is None and not hashes.added_bytes:
                hashed = upload.hashed
            yield _Arriving(
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
    body: Body, chunk: Chunk | None, hashes: PassingHashes, extension: Extension
) -> InvalidInput | None:
    """Read a body to its end; returns the error where it broke off and what came is kept.

    A piece is hashed while it is written and the next one arrives.
    """
    hashed: Callable[[], None] | None = None
    try:
        while piece := body.read(PIECE_BYTES):
            if hashed is not None:
                hashed()
            hashed = hashes.begin_update(piece)
            extension.write(piece)
    except InvalidInput as error:
        if chunk is not None:
            raise
        return error
    finally:
        if hashed is not None:
            hashed()
    if chunk is not None and hashes.added_bytes != chunk.length:
        raise SizeInvalid(f"The body has {hashes.added_bytes} bytes, its range {chunk.length}.")
    return None


def _record(seen: Upload, now_there: Upload) -> None:
    """Let the row say what has arrived, unless another request was faster.

    Raises:
        OutOfOrder: one was.
    """
    arrived, hashed = now_there.arrived, now_there.hashed
    recorded = rows_of(BlobUpload).update_one(
        _as_seen(seen),
        {
            "$set": {
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


def _link_stored(principal: Principal, seen: Upload, whole: Upload, hashed: Hashing) -> bool:
    """Link a blob that the organization has already; false where it has not.

    What arrived is not needed: the row is marked for the collector, in case that this
    process does not live to remove it.
    """

    def work() -> bool:
        if not blobs.link(whole.package, hashed.sha256, sha512=hashed.sha512):
            return False
        expired = rows_of(BlobUpload).update_one(
            _as_seen(seen),
            {"$set": {"state": UploadState.EXPIRED, "upload_id": whole.arrived.upload_id}},
        )
        if not expired.matched_count:
            raise OutOfOrder(seen.location, seen.size_bytes)
        _record_push(principal, whole, hashed)
        return True

    if not in_transaction(work):
        return False
    store.forget(whole.arrived)
    rows_of(BlobUpload).delete_one({"_id": whole.id})
    return True


def _mark_finishing(seen: Upload, whole: Upload, key: str) -> None:
    """Make this request the only one that can finish the upload.

    Raises:
        OutOfOrder: another one was faster.
    """
    marked = rows_of(BlobUpload).update_one(
        _as_seen(seen),
        {
            "$set": {
                "state": UploadState.FINISHING,
                "upload_id": whole.arrived.upload_id,
                "key": key,
                "touched_at": now(),
            }
        },
    )
    if not marked.matched_count:
        raise OutOfOrder(seen.location, seen.size_bytes)


def _link_new(principal: Principal, whole: Upload, hashed: Hashing, key: str) -> None:
    organization = whole.package.repository.organization_id

    def work() -> None:
        # The collector may have taken this for abandoned.
        if (
            not rows_of(BlobUpload)
            .delete_one({"_id": whole.id, "state": UploadState.FINISHING})
            .deleted_count
        ):
            raise UploadUnknown
        if blobs.link(whole.package, hashed.sha256, sha512=hashed.sha512):
            # Another push of the same blob was faster; ours is not needed.
            rows_of(Garbage).insert_one(
                {"_id": key, "size_bytes": whole.size_bytes, "since": now()}
            )
        else:
            Blob(
                organization=organization,
                sha256=hashed.sha256,
                sha512=hashed.sha512 or None,
                size_bytes=whole.size_bytes,
                key=key,
            ).save(force_insert=True)
            blobs.link(whole.package, hashed.sha256)
        _record_push(principal, whole, hashed)

    try:
        try:
            in_transaction(work)
        except NotUniqueError:
            in_transaction(work)  # Now the other one is seen.
    except UploadUnknown:
        store.delete(key)  # Perhaps the collector looked for it before it was there.
        raise


def _record_push(principal: Principal, upload: Upload, hashed: Hashing) -> None:
    record(
        principal,
        upload.package,
        audit.AuditAction.BLOB_PUSH,
        digest=f"sha256:{hashed.sha256}",
        size_bytes=upload.size_bytes,
    )


def _give_up(upload: Upload) -> None:
    """End an upload: first for everybody else, then in the store."""
    rows_of(BlobUpload).update_one(
        {"_id": upload.id, "state": UploadState.OPEN},
        {"$set": {"state": UploadState.EXPIRED, "upload_id": upload.arrived.upload_id}},
    )
    store.forget(upload.arrived)
    rows_of(BlobUpload).delete_one({"_id": upload.id, "state": UploadState.EXPIRED})


def _as_seen(upload: Upload) -> Row:
    return {"_id": upload.id, "state": UploadState.OPEN, "size_bytes": upload.size_bytes}


def _upload(name: ImageName, package: PackageRef, row: Row) -> Upload:
    hashed = None
    if row["hashed_sha256"]:
        hashed = Hashing(sha256=row["hashed_sha256"], sha512=row["hashed_sha512"])
    return Upload(
        name=name,
        package=package,
        id=row["_id"],
        arrived=unfinished_of(row),
        hashed=hashed,
        wants_sha512=row["wants_sha512"],
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


def _parts_key(package: PackageRef, upload_id: str) -> str:
    """Return where parts go, which have to know it before anybody knows the digest."""
    return object_key(
        PROTOCOL_NAME, package.repository.organization_slug, "_blobs", "parts", upload_id
    )


def _blob_key(upload: Upload, digest: Digest) -> str:
    """Return where a blob goes.

    It names the upload too: a key is never used twice, so that a collector that was thought
    dead can never remove what somebody pushed again meanwhile.
    """
    return object_key(
        PROTOCOL_NAME,
        upload.package.repository.organization_slug,
        "_blobs",
        digest.algorithm,
        digest.hex[:2],
        f"{digest.hex}~{upload.arrived.id}",
    )
