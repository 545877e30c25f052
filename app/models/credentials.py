"""What proves who is calling. Secrets are kept as digests only."""

from __future__ import annotations

from typing import ClassVar

from mongoengine import (
    BooleanField,
    DateTimeField,
    Document,
    IntField,
    LazyReferenceField,
    ListField,
    StringField,
)

from app.models.fields import now
from app.models.identity import User


class Session(Document):
    """One sign-in; access and refresh tokens name it.

    ``refresh_generation`` counts rotations: a refresh token of an older generation was
    used before, so it is stolen or replayed, and ends the session.
    """

    user = LazyReferenceField(User, required=True, dbref=False)
    refresh_generation = IntField(required=True, default=0)
    created_at = DateTimeField(required=True, default=now)
    last_used_at = DateTimeField(required=True, default=now)
    expires_at = DateTimeField(required=True)
    ended_at = DateTimeField()
    ip = StringField(default="")
    user_agent = StringField(default="")

    meta: ClassVar[dict[str, object]] = {
        "collection": "sessions",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["user", "-created_at"]},
            {"fields": ["expires_at"], "expireAfterSeconds": 0},
        ],
    }


class ApiToken(Document):
    """A long-lived credential of one user, with limits of its own.

    An empty list means no limit of that kind.
    """

    user = LazyReferenceField(User, required=True, dbref=False)
    name = StringField(required=True)
    digest = StringField(required=True)  # SHA-256 of the whole token, hexadecimal
    prefix = StringField(required=True)  # what lists show
    protocols = ListField(StringField())  # the seven, and "api"
    actions = ListField(StringField())  # read, write, delete
    organizations = ListField(StringField())  # slugs' organization ids, as strings
    packages = ListField(StringField())  # normal names
    networks = ListField(StringField())  # CIDRs the token may be used from
    kind = StringField(default="personal", choices=("personal", "login"))
    created_at = DateTimeField(required=True, default=now)
    updated_at = DateTimeField(required=True, default=now)
    expires_at = DateTimeField()
    revoked_at = DateTimeField()
    last_used_at = DateTimeField()
    last_used_ip = StringField(default="")
    last_used_client = StringField(default="")

    meta: ClassVar[dict[str, object]] = {
        "collection": "api_tokens",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["digest"], "unique": True},
            {"fields": ["user", "-created_at"]},
        ],
    }


class DeviceLogin(Document):
    """A sign-in that a command-line client started and a browser approves.

    The client holds the poll secret, the browser the public id: neither is enough alone.
    """

    public_id = StringField(required=True)
    poll_digest = StringField(required=True)  # SHA-256 of the secret, hexadecimal
    protocol = StringField(required=True)
    ip = StringField(default="")
    client = StringField(default="")
    approved_by = LazyReferenceField(User, dbref=False)
    is_denied = BooleanField(default=False)
    created_at = DateTimeField(required=True, default=now)
    expires_at = DateTimeField(required=True)

    meta: ClassVar[dict[str, object]] = {
        "collection": "device_logins",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["public_id"], "unique": True},
            {"fields": ["poll_digest"], "unique": True},
            {"fields": ["expires_at"], "expireAfterSeconds": 0},
        ],
    }
