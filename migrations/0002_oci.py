"""Create the collections and indexes of OCI packages."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from migrations.collections import UP, Index, create

_KNOWN = {"partialFilterExpression": {"sha512": {"$type": "string"}}}
_WITH_SUBJECT = {"partialFilterExpression": {"subject": {"$type": "string"}}}

INDEXES = (
    Index("oci_blobs", "sha256", [("organization", UP), ("sha256", UP)], {"unique": True}),
    Index("oci_blobs", "key", [("key", UP)], {"unique": True}),
    Index("oci_blobs", "touched_at", [("touched_at", UP)]),
    Index("oci_links", "sha256", [("package", UP), ("sha256", UP)], {"unique": True}),
    Index("oci_links", "sha512", [("package", UP), ("sha512", UP)], _KNOWN),
    Index("oci_links", "blob", [("organization", UP), ("sha256", UP)]),
    Index("oci_links", "blob_sha512", [("organization", UP), ("sha512", UP)], _KNOWN),
    Index("oci_manifests", "sha256", [("package", UP), ("sha256", UP)], {"unique": True}),
    Index("oci_manifests", "sha512", [("package", UP), ("sha512", UP)], _KNOWN),
    Index("oci_manifests", "blobs", [("package", UP), ("blobs", UP)]),
    Index(
        "oci_manifests",
        "referrers",
        [("package", UP), ("subject", UP), ("pushed_at", UP), ("digest", UP)],
        _WITH_SUBJECT,
    ),
    Index("oci_tags", "name", [("package", UP), ("name", UP)], {"unique": True}),
    Index("oci_tags", "manifest", [("package", UP), ("sha256", UP)]),
    Index("oci_uploads", "of_user", [("user", UP), ("state", UP), ("touched_at", UP)]),
    Index("oci_uploads", "touched_at", [("touched_at", UP)]),
    Index("oci_uploads", "package", [("package", UP)]),
)
_WITHOUT_INDEXES = ("oci_garbage", "oci_collection")


def apply(database: Database[dict[str, Any]]) -> None:
    """Create what is missing."""
    create(database, INDEXES, _WITHOUT_INDEXES)
