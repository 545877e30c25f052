"""Create the collections and indexes of OCI packages."""

from __future__ import annotations

from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.database import Database

_UP = ASCENDING
_KNOWN = {"partialFilterExpression": {"sha512": {"$type": "string"}}}
_WITH_SUBJECT = {"partialFilterExpression": {"subject": {"$type": "string"}}}

_INDEXES: tuple[tuple[str, str, list[tuple[str, int]], dict[str, Any]], ...] = (
    ("oci_blobs", "sha256", [("organization", _UP), ("sha256", _UP)], {"unique": True}),
    ("oci_blobs", "key", [("key", _UP)], {"unique": True}),
    ("oci_blobs", "touched_at", [("touched_at", _UP)], {}),
    ("oci_links", "sha256", [("package", _UP), ("sha256", _UP)], {"unique": True}),
    ("oci_links", "sha512", [("package", _UP), ("sha512", _UP)], _KNOWN),
    ("oci_links", "blob", [("organization", _UP), ("sha256", _UP)], {}),
    ("oci_links", "blob_sha512", [("organization", _UP), ("sha512", _UP)], _KNOWN),
    ("oci_manifests", "sha256", [("package", _UP), ("sha256", _UP)], {"unique": True}),
    ("oci_manifests", "sha512", [("package", _UP), ("sha512", _UP)], _KNOWN),
    ("oci_manifests", "blobs", [("package", _UP), ("blobs", _UP)], {}),
    (
        "oci_manifests",
        "referrers",
        [("package", _UP), ("subject", _UP), ("pushed_at", _UP), ("digest", _UP)],
        _WITH_SUBJECT,
    ),
    ("oci_tags", "name", [("package", _UP), ("name", _UP)], {"unique": True}),
    ("oci_tags", "manifest", [("package", _UP), ("sha256", _UP)], {}),
    ("oci_uploads", "of_user", [("user", _UP), ("state", _UP), ("touched_at", _UP)], {}),
    ("oci_uploads", "touched_at", [("touched_at", _UP)], {}),
    ("oci_uploads", "package", [("package", _UP)], {}),
)
_WITHOUT_INDEXES = ("oci_garbage", "oci_collection")


def apply(database: Database[dict[str, Any]]) -> None:
    """Create what is missing: one command for each collection, which creates that too."""
    wanted: dict[str, list[IndexModel]] = {}
    for collection, name, keys, options in _INDEXES:
        wanted.setdefault(collection, []).append(IndexModel(keys, name=name, **options))
    for collection, indexes in wanted.items():
        database[collection].create_indexes(indexes)
    present = set(database.list_collection_names())
    for collection in _WITHOUT_INDEXES:
        if collection not in present:
            database.create_collection(collection)
