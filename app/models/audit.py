"""What was done, by whom: pending events and the chain they end in."""

from __future__ import annotations

from typing import ClassVar

from mongoengine import BinaryField, DateTimeField, DictField, Document, LongField, StringField

from app.models.fields import now


class PendingEvent(Document):
    """An event on its way into the chain.

    Written in the transaction of the change that it tells of, or where Redis is down.
    The event id is the key, so writing it twice is one event.
    """

    event_id = StringField(primary_key=True)
    body = BinaryField(required=True)  # canonical JSON
    created_at = DateTimeField(required=True, default=now)

    meta: ClassVar[dict[str, object]] = {
        "collection": "audit_pending",
        "auto_create_index": False,
        "indexes": [{"fields": ["created_at"]}],
    }


class AuditRecord(Document):
    """One link of the chain: the event, its place, and the hash of the one before."""

    seq = LongField(primary_key=True)  # from 1, without gaps
    event_id = StringField(required=True)
    time = DateTimeField(required=True)
    actor = DictField()
    action = StringField(required=True)
    resource = DictField()
    organization = StringField(default="")
    repository = StringField(default="")
    protocol = StringField(default="")
    result = StringField(required=True)
    ip = StringField(default="")
    user_agent = StringField(default="")
    request_id = StringField(default="")
    details = DictField()
    prev_hash = StringField(required=True)
    hash = StringField(required=True)

    meta: ClassVar[dict[str, object]] = {
        "collection": "audit",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["event_id"], "unique": True},
            {"fields": ["-time", "-seq"]},
            {"fields": ["actor.id", "-seq"]},
            {"fields": ["action", "-seq"]},
            {"fields": ["organization", "-seq"]},
            {"fields": ["resource.type", "resource.id", "-seq"]},
        ],
    }
