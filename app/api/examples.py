"""Example values for the OpenAPI document, by the names of members and parameters.

A name means the same wherever it stands, so that one value is right for all of its places.
"""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]  # a part of an OpenAPI document

_TIME = "2026-01-02T03:04:05.678Z"
_ID = "6b0770f257876d9d35a17234"
_DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

_VALUES: dict[str, Any] = {
    **dict.fromkeys(
        ("id", "package_id", "organization_id", "repository_id", "session_id", "token_id"), _ID
    ),
    **dict.fromkeys(
        (
            *("at", "created_at", "updated_at", "deleted_at", "published_at", "withdrawn_at"),
            *("started_at", "finished_at", "last_used_at", "time"),
        ),
        _TIME,
    ),
    **dict.fromkeys(("hash", "prev_hash", "sha256"), _DIGEST),
    "access_token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl",
    "action": "package.publish",
    "actions": ["read"],
    "alternate_locations": ["https://packages.example.test/simple/left-pad/"],
    "allow_redeploy": False,
    "allow_sparse_index": False,
    "auth_required": None,
    "cancel_requested": False,
    "checked": 1042,
    "code": "not_found",
    "created_by": "alice",
    "current": True,
    "current_password": "correct horse battery staple",
    "default_organization": "acme",
    "deprecated": "",
    "description": "What we build.",
    "detail": "There is none of that name.",
    "details": {"size_bytes": 12345},
    "display_name": "Alice",
    "date": "2026-01-02",
    "done": 200,
    "downloads": 42,
    "email": "alice@example.test",
    "expires_at": "2099-12-31T00:00:00.000Z",
    "expires_in": 900,
    "filename": "left-pad-1.0.0.tgz",
    "first_bad": None,
    "immutable_tags": ["v*"],
    "instance": "5561e19bd99c-2f8",
    "ip": "192.0.2.7",
    "is_active": True,
    "is_optional": False,
    "is_platform_admin": False,
    "is_yanked": False,
    "keywords": ["padding"],
    "last_used_client": "npm/10.9.0",
    "last_used_ip": "192.0.2.7",
    "latest_version": "1.0.0",
    "max_file_bytes": 536_870_912,
    "md5": "d41d8cd98f00b204e9800998ecf8427e",
    "media_type": "application/gzip",
    "members": [],
    "name": "left-pad",
    "namespaces": {"npm": ["acme-tools"]},
    "networks": ["192.0.2.0/24"],
    "new_password": "staple battery horse correct",
    "next_cursor": None,
    "only_admins_create_organizations": False,
    "organization": "acme",
    "organizations": [],
    "packages": [],
    "password": "correct horse battery staple",
    "pointer": "/slug",
    "prefix": "srg_eJ3w",
    "protocol": "npm",
    "protocols": ["npm"],
    "quota_bytes": 10_737_418_240,
    "reason": "It does not start.",
    "refresh_token": "srr_kUJx0n9rJm3w",
    "repository": "npm",
    "request_id": "5561e19bd99c-2f8",
    "requirement": "^1.0.0",
    "reserved_names": {"npm": ["@acme/*"]},
    "result": "success",
    "roles": [],
    "seq": 1042,
    "sha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "sha512": "",
    "size_bytes": 12_345,
    "slug": "acme",
    "status": 404,
    "status_reason": "It moved.",
    "summary": "Pads a text on its left.",
    "tags": {"latest": "1.0.0"},
    "team": "platform",
    "text": "# left-pad",
    "title": "Not Found",
    "token": "srg_eJ3whF8NuJO7tGIPDfS6fjT4DXxvry2wgLCQ",
    "total": 250,
    "type": "package",
    "user": "alice",
    "user_agent": "npm/10.9.0",
    "username": "alice",
    "valid": True,
    "version": "1.0.0",
    "yank_reason": "",
}
_KINDS = {"Dependency": "runtime", "Job": "repository.delete", "Token": "personal"}
_VALUES_OF: dict[tuple[str, str], Any] = {
    **{(schema, "kind"): kind for schema, kind in _KINDS.items()},
    ("Login", "email"): None,
    ("User", "number"): 7,
    ("Version", "number"): "1.0.0",
    ("WithdrawnVersion", "number"): "1.0.0",
    ("Self", "organizations"): None,
    ("Problem", "type"): "/api/docs#error-not_found",
    ("Provider", "type"): "password",
    ("Actor", "type"): "user",
}


def add_examples(document: Document) -> None:
    """Give each plain member of each schema its example."""
    for name, schema in document["components"]["schemas"].items():
        for member, described in schema.get("properties", {}).items():
            example = _VALUES_OF.get((name.removesuffix("Patch"), member), _VALUES.get(member))
            if _is_plain(described) and (example is not None or _takes_null(described)):
                described["examples"] = [example]


def _is_plain(described: Document) -> bool:
    """Whether a member is no object, or list of objects, that is described elsewhere."""
    if "type" not in described or "enum" in described:
        return False
    return "$ref" not in described.get("items", {})


def _takes_null(described: Document) -> bool:
    return "null" in described["type"]
