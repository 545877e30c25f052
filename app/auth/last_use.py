"""When, from where and with what each token was last used.

A request notes it in this process's memory only, and one that is answered from memory as a
whole does not, so a use may show up to a minute late. Every few seconds a greenlet of the
process calls :func:`flush`, which writes all notes at once. A process that dies loses the
last few seconds of them. Nothing that is decided depends on these fields, so they are
written without a fence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import current_app
from pymongo import UpdateOne, WriteConcern

from app.models import ApiToken
from app.models.fields import now
from app.models.rows import rows_of

if TYPE_CHECKING:
    from datetime import datetime

    from bson import ObjectId

    from app.auth.principal import ClientInfo

INTERVAL_SECONDS = 10

_NOTES = "packhouse.token_uses"
_RELAXED = WriteConcern(w=1)


@dataclass(frozen=True, kw_only=True)
class _Use:
    moment: datetime
    ip: str
    client: str


def note(token_id: ObjectId, client: ClientInfo) -> None:
    """Remember that a token was used now; costs no round trip."""
    _notes()[token_id] = _Use(moment=now(), ip=client.ip, client=client.user_agent)


def flush() -> int:
    """Write what was noted since the last time, and return how many tokens that were.

    Called every ``INTERVAL_SECONDS`` in each process and once before it ends. Where
    MongoDB does not answer, the notes are kept for the next time.
    """
    notes = _notes()
    taken = dict(notes)
    if not taken:
        return 0
    collection = rows_of(ApiToken).with_options(write_concern=_RELAXED)
    collection.bulk_write([_write(*item) for item in taken.items()], ordered=False)
    for token_id, use in taken.items():
        if notes.get(token_id) is use:
            del notes[token_id]
    return len(taken)


def _write(token_id: ObjectId, use: _Use) -> UpdateOne:
    """Another process may have written a later use already."""
    return UpdateOne(
        {
            "_id": token_id,
            "$or": [{"last_used_at": None}, {"last_used_at": {"$lt": use.moment}}],
        },
        {
            "$set": {
                "last_used_at": use.moment,
                "last_used_ip": use.ip,
                "last_used_client": use.client,
            }
        },
    )


def _notes() -> dict[ObjectId, _Use]:
    notes: dict[ObjectId, _Use] = current_app.extensions.setdefault(_NOTES, {})
    return notes
