"""What was done, by whom: pending events and the chain they end in.

The chain is written and checked as plain rows: a hash covers exactly what is stored, and a
model would add and leave out fields of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from mongoengine import BinaryField, DateTimeField, DictField, Document, LongField, StringField
from pymongo import WriteConcern
from pymongo.read_concern import ReadConcern

from app.models.connection import is_in_transaction
from app.models.rows import rows_of

if TYPE_CHECKING:
    from pymongo.collection import Collection

Row = dict[str, Any]  # a document as MongoDB holds it

_TO_STAY = ReadConcern("majority")
# Said each time: MongoDB's own default is less than a majority where the replica set has an
# arbiter, or where somebody changed it. A part of the chain that a failover takes back would
# be lost, because its events are removed from where they waited.
_DURABLE = WriteConcern(w="majority", j=True)


class PendingEvent(Document):
    """An event on its way into the chain.

    Written in the transaction of the change that it tells of, or where Redis is down.
    The event id is the key, so writing it twice is one event; ids sort by time.
    """

    event_id = StringField(primary_key=True)
    body = BinaryField(required=True)  # canonical JSON

    meta: ClassVar[dict[str, object]] = {
        "collection": "audit_pending",
        "auto_create_index": False,
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
        # A later version's events may have fields that this one does not know.
        "strict": False,
        "indexes": [
            {"fields": ["event_id"], "unique": True},
            {"fields": ["-time", "-seq"]},
            {"fields": ["actor.id", "-time", "-seq"]},
            {"fields": ["actor.name", "-time", "-seq"]},
            {"fields": ["action", "-time", "-seq"]},
            {"fields": ["result", "-time", "-seq"]},
            {"fields": ["organization", "-time", "-seq"]},
            {"fields": ["resource.type", "-time", "-seq"]},
            {"fields": ["resource.id", "-time", "-seq"]},
            {"fields": ["resource.name", "-time", "-seq"]},
        ],
    }


class AuditHead(Document):
    """How far the chain has come; one row, ``head``."""

    name = StringField(primary_key=True, default="head")
    seq = LongField(required=True)
    hash = StringField(required=True)

    meta: ClassVar[dict[str, object]] = {
        "collection": "audit_head",
        "auto_create_index": False,
    }


def pending_rows() -> Collection[Row]:
    """Return the collection of pending events; what is written to it is there to stay.

    Within ``in_transaction`` that is the transaction's own doing: see ``connection.connect``.
    """
    rows = rows_of(PendingEvent)
    return rows if is_in_transaction() else rows.with_options(write_concern=_DURABLE)


def audit_rows() -> Collection[Row]:
    """Return the collection of the chain, outside of transactions.

    What is read and what is written is there to stay. Else an event might be linked to one
    that a failover then takes back.
    """
    return _to_stay(AuditRecord)


def head_rows() -> Collection[Row]:
    """Return the collection of the chain's head; see :func:`audit_rows`."""
    return _to_stay(AuditHead)


def _to_stay(document: type[Document]) -> Collection[Row]:
    return rows_of(document).with_options(read_concern=_TO_STAY, write_concern=_DURABLE)
