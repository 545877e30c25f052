"""Where blobs are in the store, which rows name them, and how much they hold.

Every key names the upload that it came from, so that none is used twice: a collector that
was thought dead can never remove what somebody pushed again meanwhile.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection

from bson import ObjectId

from app.models import Blob, BlobLink, BlobUpload, Garbage
from app.models.rows import rows_of
from app.protocols.oci.names import PROTOCOL_NAME, Digest
from app.storage.keys import object_key

_OF_UPLOAD = re.compile(rf"{PROTOCOL_NAME}/.*[~/](?P<upload>[0-9a-f]{{32}})")


def blob_key(organization: str, digest: Digest, upload_id: str) -> str:
    """Return where a blob goes that has no parts in the store."""
    name = f"{digest.hex}~{_hex(upload_id)}"
    return object_key(PROTOCOL_NAME, organization, "_blobs", digest.algorithm, digest.hex[:2], name)


def parts_key(organization: str, upload_id: str) -> str:
    """Return where parts go, which have to know it before anybody knows the digest."""
    return object_key(PROTOCOL_NAME, organization, "_blobs", "parts", _hex(upload_id))


def named_keys(keys: Collection[str]) -> set[str]:
    """Return which of these keys a blob, an upload under way or garbage names.

    Uploads are asked first: one that becomes a blob in between is found as the one or as the
    other.
    """
    by_upload = {
        str(uuid.UUID(match["upload"])): key
        for key in keys
        if (match := _OF_UPLOAD.fullmatch(key)) is not None
    }
    uploads = rows_of(BlobUpload).find({"_id": {"$in": list(by_upload)}}, {"_id": 1})
    found = {by_upload[row["_id"]] for row in uploads}
    ours = list(by_upload.values())
    blobs = rows_of(Blob).find({"key": {"$in": ours}}, {"key": 1, "_id": 0})
    found |= {row["key"] for row in blobs}
    garbage = rows_of(Garbage).find({"_id": {"$in": ours}}, {"_id": 1})
    return found | {row["_id"] for row in garbage}


def stored_bytes(packages: Collection[ObjectId]) -> int:
    """Return how much some packages of one organization hold: each blob once."""
    totals = rows_of(BlobLink).aggregate(
        [
            {"$match": {"package": {"$in": list(packages)}}},
            {"$group": {"_id": "$sha256", "size_bytes": {"$first": "$size_bytes"}}},
            {"$group": {"_id": None, "size_bytes": {"$sum": "$size_bytes"}}},
        ]
    )
    return sum(int(one["size_bytes"]) for one in totals)


def _hex(upload_id: str) -> str:
    return upload_id.replace("-", "")
