"""Make a finished upload a blob of its package.

Exactly one request gets to do that: it takes the upload, and the transaction that links the
blob takes the row. What becomes an object in between has a key that the row names.

Spec: OCI distribution 1.1, "Pushing blobs".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pymongo.errors import DuplicateKeyError

from app import audit
from app.auth.principal import Principal
from app.errors import InvalidInput, QuotaExceeded, TooLarge
from app.extensions import store
from app.models import BlobUpload, Garbage, UploadState, in_transaction
from app.models.connection import UNSYNCED
from app.models.fields import now
from app.models.rows import rows_of
from app.protocols.oci import blobs, uploads
from app.protocols.oci.hashing import Hashing, hash_again
from app.protocols.oci.names import Digest
from app.protocols.oci.refusals import ContentMismatch, OutOfOrder, UploadUnknown
from app.protocols.oci.uploads import Chunk, Upload
from app.registry import quotas
from app.registry.bodies import Body
from app.registry.changes import record

Row = dict[str, Any]  # a document as MongoDB holds it


@contextmanager
def open_again_if_refused(upload: Upload) -> Iterator[None]:
    """Let the client go on with an upload that was taken, where it is refused in the block."""
    try:
        yield
    except ContentMismatch:
        raise  # It is over.
    except (OutOfOrder, InvalidInput, TooLarge, QuotaExceeded):
        uploads.reopen(upload)
        raise


def finish(
    principal: Principal, upload: Upload, digest: Digest, body: Body, chunk: Chunk | None
) -> None:
    """Append the rest, and make an upload a blob of its package.

    Args:
        principal: whose upload it is.
        upload: as it was taken.
        digest: that the blob has to have.
        body: the last bytes, or all, or none.
        chunk: where they belong, if the client says so.

    Raises:
        ContentMismatch: the bytes have another digest. The upload is over.
        OutOfOrder, SizeInvalid, InvalidInput, TooLarge: as for ``uploads.append``.
        QuotaExceeded: the repository is full.
    """
    is_sha512 = digest.algorithm == "sha512"
    wanted = replace(upload, wants_sha512=upload.wants_sha512 or is_sha512)
    with uploads.arriving(wanted, body, chunk, is_last=True) as added:
        whole = added.upload
        if added.broken is not None:
            uploads.record_progress(upload, whole, UploadState.FINISHING)
            raise added.broken
        quotas.require_room(upload.package.repository, whole.size_bytes)
        hashed = whole.hashed
        if hashed is not None and hashed.of(digest.algorithm):
            _require_digest(whole, hashed, digest)
            if _link_stored(principal, whole, hashed):
                return
        key = added.extension.complete(upload.key)
    if hashed is None or not hashed.of(digest.algorithm):
        with store.open(key) as stored:
            hashed = hash_again(stored, with_sha512=is_sha512)
        if hashed.of(digest.algorithm) != digest.hex:
            store.delete(key)
        _require_digest(whole, hashed, digest)
    _link_new(principal, whole, hashed, key)


def _require_digest(whole: Upload, hashed: Hashing, digest: Digest) -> None:
    """Give an upload up whose bytes are not the ones announced.

    Raises:
        ContentMismatch: they are not.
    """
    found = Digest(digest.algorithm, hashed.of(digest.algorithm))
    if found != digest:
        uploads.cancel(whole)
        raise ContentMismatch(digest, found)


def _link_stored(principal: Principal, whole: Upload, hashed: Hashing) -> bool:
    """Link a blob that the organization has already; false where it has not.

    What arrived is not needed: the row is marked for the collector, in case that this
    process does not live to remove it.
    """
    organization = whole.package.repository.organization_id
    if not blobs.is_stored(organization, hashed.sha256):
        return False

    def work() -> bool:
        if not blobs.link(whole.package, hashed.sha256, sha512=hashed.sha512):
            return False
        expired = rows_of(BlobUpload).update_one(
            {"_id": whole.id, "state": UploadState.FINISHING},
            {"$set": {"state": UploadState.EXPIRED, "upload_id": whole.arrived.upload_id}},
        )
        if not expired.matched_count:
            raise UploadUnknown
        _record_push(principal, whole, hashed)
        return True

    if not in_transaction(work, after=whole.taken_at):
        return False
    store.forget(whole.arrived)
    rows_of(BlobUpload).with_options(write_concern=UNSYNCED).delete_one({"_id": whole.id})
    return True


def _link_new(principal: Principal, whole: Upload, hashed: Hashing, key: str) -> None:
    """Link what has become an object, unless another push of the same blob was faster."""
    blob: Row = {
        "organization": whole.package.repository.organization_id,
        "sha256": hashed.sha256,
        "size_bytes": whole.size_bytes,
        "key": key,
    }
    if hashed.sha512:
        blob["sha512"] = hashed.sha512

    def insert() -> None:
        _take_row(whole)
        blobs.insert(whole.package, blob)
        _record_push(principal, whole, hashed)

    def link() -> bool:
        if not blobs.link(whole.package, hashed.sha256, sha512=hashed.sha512):
            return False  # The upload is still ours.
        _take_row(whole)
        rows_of(Garbage).insert_one({"_id": key, "size_bytes": whole.size_bytes, "since": now()})
        _record_push(principal, whole, hashed)
        return True

    try:
        try:
            in_transaction(insert, after=whole.taken_at)
        except DuplicateKeyError:
            if not in_transaction(link, after=whole.taken_at):
                # The other one was collected at this very moment.
                in_transaction(insert, after=whole.taken_at)
    except UploadUnknown:
        store.delete(key)  # Perhaps the collector looked for it before it was there.
        raise


def _take_row(whole: Upload) -> None:
    """Make this the transaction that ends the upload.

    Raises:
        UploadUnknown: the collector took it for abandoned.
    """
    taken = rows_of(BlobUpload).delete_one({"_id": whole.id, "state": UploadState.FINISHING})
    if not taken.deleted_count:
        raise UploadUnknown


def _record_push(principal: Principal, upload: Upload, hashed: Hashing) -> None:
    record(
        principal,
        upload.package,
        audit.AuditAction.BLOB_PUSH,
        digest=f"sha256:{hashed.sha256}",
        size_bytes=upload.size_bytes,
    )
