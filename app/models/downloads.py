"""How often what was downloaded."""

from __future__ import annotations

from typing import ClassVar

from mongoengine import DateTimeField, Document, LongField, ObjectIdField, StringField

from app.models.fields import now


class DownloadCount(Document):
    """The downloads of one version on one day."""

    package = ObjectIdField(required=True)
    day = StringField(required=True)  # ISO 8601, in UTC: sorts by time
    version = StringField(required=True)  # as its publisher spells it; of an image, tag or digest
    count = LongField(required=True, default=0)

    meta: ClassVar[dict[str, object]] = {
        "collection": "download_counts",
        "auto_create_index": False,
        "indexes": [{"fields": ["package", "-day", "version"], "unique": True}],
    }


class CountedBatch(Document):
    """Counts that are among those above already; remembered for a week."""

    id = StringField(primary_key=True)
    at = DateTimeField(required=True, default=now)

    meta: ClassVar[dict[str, object]] = {
        "collection": "download_batches",
        "auto_create_index": False,
        "indexes": [{"fields": ["at"], "expireAfterSeconds": 7 * 24 * 3600}],
    }
