"""Create the collections and indexes of the first models.

A transaction cannot create a collection cheaply, so all of them exist from the start.
"""

from __future__ import annotations

from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database

_UP, _DOWN = ASCENDING, DESCENDING

# Collection, name, keys, options. Written out, not read from the models: a migration
# says what was true when it was written.
_INDEXES: tuple[tuple[str, str, list[tuple[str, int]], dict[str, Any]], ...] = (
    ("users", "email", [("email", _UP)], {"unique": True}),
    ("users", "username", [("username", _UP)], {"unique": True}),
    ("users", "number", [("number", _UP)], {"unique": True}),
    ("organizations", "slug", [("slug", _UP)], {"unique": True}),
    ("memberships", "member", [("organization", _UP), ("user", _UP)], {"unique": True}),
    ("memberships", "user", [("user", _UP)], {}),
    ("teams", "slug", [("organization", _UP), ("slug", _UP)], {"unique": True}),
    ("team_members", "member", [("team", _UP), ("user", _UP)], {"unique": True}),
    ("team_members", "user", [("user", _UP)], {}),
    ("namespace_claims", "namespace", [("protocol", _UP), ("namespace", _UP)], {"unique": True}),
    ("namespace_claims", "organization", [("organization", _UP)], {}),
    ("repositories", "name", [("organization", _UP), ("name", _UP)], {"unique": True}),
    (
        "repositories",
        "order",
        [("organization", _UP), ("protocol", _UP), ("created_at", _UP), ("_id", _UP)],
        {},
    ),
    (
        "grants",
        "grantee_on_repository",
        [("repository", _UP), ("grantee_type", _UP), ("grantee", _UP)],
        {"unique": True},
    ),
    ("grants", "grantee", [("grantee_type", _UP), ("grantee", _UP)], {}),
    ("grants", "organization", [("organization", _UP)], {}),
    ("sessions", "user", [("user", _UP), ("created_at", _DOWN)], {}),
    ("sessions", "expiry", [("expires_at", _UP)], {"expireAfterSeconds": 0}),
    ("api_tokens", "digest", [("digest", _UP)], {"unique": True}),
    ("api_tokens", "user", [("user", _UP), ("created_at", _DOWN)], {}),
    ("device_logins", "public_id", [("public_id", _UP)], {"unique": True}),
    ("device_logins", "poll_digest", [("poll_digest", _UP)], {"unique": True}),
    ("device_logins", "expiry", [("expires_at", _UP)], {"expireAfterSeconds": 0}),
    ("name_claims", "name", [("protocol", _UP), ("name", _UP)], {"unique": True}),
    (
        "name_claims",
        "similarity",
        [("protocol", _UP), ("similarity_key", _UP)],
        {"unique": True},
    ),
    ("name_claims", "organization", [("organization", _UP)], {}),
    (
        "packages",
        "name_in_organization",
        [("organization", _UP), ("protocol", _UP), ("name", _UP)],
        {"unique": True},
    ),
    (
        "packages",
        "tombstones",
        [("organization", _UP), ("deleted_at", _UP)],
        {"partialFilterExpression": {"deleted_at": {"$exists": True}}},
    ),
    ("packages", "name", [("protocol", _UP), ("name", _UP)], {}),
    ("packages", "repository", [("repository", _UP), ("name", _UP)], {}),
    ("packages", "owners", [("owners", _UP)], {}),
    ("packages", "starred_by", [("starred_by", _UP), ("name", _UP)], {}),
    ("versions", "number", [("package", _UP), ("number", _UP)], {"unique": True}),
    (
        "versions",
        "withdrawn",
        [("withdrawn_at", _UP)],
        {"partialFilterExpression": {"state": "withdrawn", "files.0": {"$exists": True}}},
    ),
    ("versions", "file_key", [("files.key", _UP)], {}),
    ("versions", "filename", [("package", _UP), ("files.filename", _UP)], {}),
    ("audit", "event", [("event_id", _UP)], {"unique": True}),
    ("audit", "time", [("time", _DOWN), ("_id", _DOWN)], {}),
    ("audit", "actor", [("actor.id", _UP), ("_id", _DOWN)], {}),
    ("audit", "action", [("action", _UP), ("_id", _DOWN)], {}),
    ("audit", "organization", [("organization", _UP), ("_id", _DOWN)], {}),
    (
        "audit",
        "resource",
        [("resource.type", _UP), ("resource.id", _UP), ("_id", _DOWN)],
        {},
    ),
    ("platform_keys", "purpose", [("purpose", _UP), ("created_at", _UP)], {}),
    ("platform_keys", "key_id", [("key_id", _UP)], {"unique": True}),
    (
        "advisories",
        "source",
        [("protocol", _UP), ("package", _UP), ("source_id", _UP)],
        {"unique": True},
    ),
)
_WITHOUT_INDEXES = (
    "counters",
    "platform_settings",
    "audit_head",
    "audit_pending",
    "publish_claims",
)


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
