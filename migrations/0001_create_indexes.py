"""Create the collections and indexes of the first models.

A transaction cannot create a collection cheaply, so all of them exist from the start.
"""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from migrations.collections import DOWN, UP, Index, create

# Collection, name, keys, options. Written out, not read from the models: a migration
# says what was true when it was written.
INDEXES = (
    Index("users", "email", [("email", UP)], {"unique": True}),
    Index("users", "username", [("username", UP)], {"unique": True}),
    Index("users", "number", [("number", UP)], {"unique": True}),
    Index("organizations", "slug", [("slug", UP)], {"unique": True}),
    Index("memberships", "member", [("organization", UP), ("user", UP)], {"unique": True}),
    Index("memberships", "user", [("user", UP)]),
    Index("teams", "slug", [("organization", UP), ("slug", UP)], {"unique": True}),
    Index("team_members", "member", [("team", UP), ("user", UP)], {"unique": True}),
    Index("team_members", "user", [("user", UP)]),
    Index("namespace_claims", "namespace", [("protocol", UP), ("namespace", UP)], {"unique": True}),
    Index("namespace_claims", "organization", [("organization", UP)]),
    Index("repositories", "name", [("organization", UP), ("name", UP)], {"unique": True}),
    Index(
        "repositories",
        "order",
        [("organization", UP), ("protocol", UP), ("created_at", UP), ("_id", UP)],
    ),
    Index(
        "grants",
        "grantee_on_repository",
        [("repository", UP), ("grantee_type", UP), ("grantee", UP)],
        {"unique": True},
    ),
    Index("grants", "grantee", [("grantee_type", UP), ("grantee", UP)]),
    Index("grants", "organization", [("organization", UP)]),
    Index("sessions", "user", [("user", UP), ("created_at", DOWN)]),
    Index("sessions", "expiry", [("expires_at", UP)], {"expireAfterSeconds": 0}),
    Index("api_tokens", "digest", [("digest", UP)], {"unique": True}),
    Index("api_tokens", "user", [("user", UP), ("created_at", DOWN)]),
    Index("device_logins", "public_id", [("public_id", UP)], {"unique": True}),
    Index("device_logins", "poll_digest", [("poll_digest", UP)], {"unique": True}),
    Index("device_logins", "expiry", [("expires_at", UP)], {"expireAfterSeconds": 0}),
    Index("name_claims", "name", [("protocol", UP), ("name", UP)], {"unique": True}),
    Index(
        "name_claims",
        "similarity",
        [("protocol", UP), ("similarity_key", UP)],
        {"unique": True},
    ),
    Index("name_claims", "organization", [("organization", UP)]),
    Index(
        "packages",
        "name_in_organization",
        [("organization", UP), ("protocol", UP), ("name", UP)],
        {"unique": True},
    ),
    Index(
        "packages",
        "tombstones",
        [("organization", UP), ("deleted_at", UP)],
        {"partialFilterExpression": {"deleted_at": {"$exists": True}}},
    ),
    Index("packages", "name", [("protocol", UP), ("name", UP)]),
    Index("packages", "repository", [("repository", UP), ("name", UP)]),
    Index("packages", "owners", [("owners", UP)]),
    Index("packages", "starred_by", [("starred_by", UP), ("name", UP)]),
    Index("versions", "number", [("package", UP), ("number", UP)], {"unique": True}),
    Index(
        "versions",
        "withdrawn",
        [("withdrawn_at", UP)],
        {"partialFilterExpression": {"state": "withdrawn", "files.0": {"$exists": True}}},
    ),
    Index("versions", "file_key", [("files.key", UP)]),
    Index("versions", "filename", [("package", UP), ("files.filename", UP)]),
    Index("audit", "event", [("event_id", UP)], {"unique": True}),
    Index("audit", "time", [("time", DOWN), ("_id", DOWN)]),
    Index("audit", "actor", [("actor.id", UP), ("_id", DOWN)]),
    Index("audit", "action", [("action", UP), ("_id", DOWN)]),
    Index("audit", "organization", [("organization", UP), ("_id", DOWN)]),
    Index(
        "audit",
        "resource",
        [("resource.type", UP), ("resource.id", UP), ("_id", DOWN)],
    ),
    Index("platform_keys", "purpose", [("purpose", UP), ("created_at", UP)]),
    Index("platform_keys", "key_id", [("key_id", UP)], {"unique": True}),
    Index(
        "advisories",
        "source",
        [("protocol", UP), ("package", UP), ("source_id", UP)],
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
    """Create what is missing."""
    create(database, INDEXES, _WITHOUT_INDEXES)
