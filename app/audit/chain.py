"""The chain: each event holds the hash of the one before it.

An event's ``hash`` is the SHA-256 of its canonical JSON with every field but ``hash``:
``seq`` and ``prev_hash`` are under it, so an event cannot be changed, moved, removed or
slipped in without its own hash or the next one's ``prev_hash`` telling. How far the chain
has come (``seq`` and ``hash``) is noted beside it as well, so that an end that was cut off
shows. See ``docs/audit.md``.

``seq`` is the key, so of two writers that append the same number one fails and goes on
after what the other wrote. There is no transaction: one whose process was killed would
hold the others up until MongoDB gives it up, a minute later.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pymongo import DESCENDING
from pymongo.errors import BulkWriteError, DuplicateKeyError

from app.audit.events import canonical, time_text
from app.models.audit import Row, audit_rows, head_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

JsonObject = dict[str, Any]  # an event's JSON

_HEAD_ID = "head"
_PAGE = 1000
_DUPLICATE_KEY = 11000
_COLUMNS = {"seq": "_id", "id": "event_id"}  # field of the event: field of the row
_FIELDS = {column: name for name, column in _COLUMNS.items()}


@dataclass(frozen=True)
class Link:
    """A place in the chain, and the hash of the event there."""

    seq: int
    hash: str


START = Link(0, "0" * 64)
"""What the first event follows."""


def end() -> Link:
    """Return the last event's link."""
    row = audit_rows().find_one({"_id": {"$gte": 1}}, {"hash": 1}, sort=[("_id", DESCENDING)])
    # A row that was put in by hand may have another type of number.
    return Link(int(row["_id"]), row["hash"]) if row else START


def extend(events: Sequence[JsonObject]) -> int:
    """Append events in their order, without those that are in the chain already.

    Returns:
        How many were appended.
    """
    appended = 0
    while rows := _linked(_without_known(events), after=_furthest()):
        try:
            audit_rows().insert_many(rows)
        except BulkWriteError as error:
            if error.details["writeConcernErrors"] or any(
                one["code"] != _DUPLICATE_KEY for one in error.details["writeErrors"]
            ):
                raise
            appended += error.details["nInserted"]  # Then somebody else wrote this number.
        else:
            return appended + len(rows)
    return appended


def noted_end() -> Link:
    """Return how far the chain has come, by the note; events may have been added since."""
    row = head_rows().find_one({"_id": _HEAD_ID})
    return Link(row["seq"], row["hash"]) if row else START


def note_end() -> Link:
    """Note how far the chain has come, and return it. The note never goes back."""
    last = end()
    with suppress(DuplicateKeyError):  # The upsert's: it names this event or a later one.
        head_rows().update_one(
            {"_id": _HEAD_ID, "seq": {"$lt": last.seq}},
            {"$set": {"seq": last.seq, "hash": last.hash}},
            upsert=True,
        )
    return last


def digest(event: JsonObject) -> str:
    """Return the hash that an event must have: over all of its fields but ``hash`` itself.

    Raises:
        TypeError: it holds a value that no event can have.
    """
    content = {name: value for name, value in event.items() if name != "hash"}
    return hashlib.sha256(canonical(content)).hexdigest()


def read(first: int = 1) -> Iterator[Row]:
    """Read the rows from ``first`` on, in order and in constant memory."""
    following: dict[str, Any] = {"$gte": first}
    while True:
        page = list(audit_rows().find({"_id": following}).sort("_id").limit(_PAGE))
        yield from page
        if len(page) < _PAGE:
            return
        following = {"$gt": page[-1]["_id"]}


def has_strays() -> bool:
    """Whether there is a row whose ``seq`` is none that an event can have."""
    return audit_rows().find_one({"_id": {"$not": {"$gte": 1}}}, {"_id": 1}) is not None


def to_event(row: Row) -> JsonObject:
    """Return a row as the event that is hashed, shown and exported."""
    return {
        _FIELDS.get(column, column): time_text(value) if isinstance(value, datetime) else value
        for column, value in row.items()
    }


def _furthest() -> Link:
    """Return what the next event follows, also where the end was cut off.

    Then the gap stays, for everyone to see, when the chain goes on.
    """
    last, noted = end(), noted_end()
    return noted if noted.seq >= last.seq else last


def _without_known(events: Sequence[JsonObject]) -> list[JsonObject]:
    by_id = {event["id"]: event for event in events}
    for row in audit_rows().find({"event_id": {"$in": list(by_id)}}, {"event_id": 1}):
        del by_id[row["event_id"]]
    return list(by_id.values())


def _linked(events: Sequence[JsonObject], after: Link) -> list[Row]:
    rows = []
    for event in events:
        linked = {**event, "seq": after.seq + 1, "prev_hash": after.hash}
        after = Link(linked["seq"], digest(linked))
        rows.append(_to_row({**linked, "hash": after.hash}))
    return rows


def _to_row(event: JsonObject) -> Row:
    row = {_COLUMNS.get(name, name): value for name, value in event.items()}
    row["time"] = datetime.fromisoformat(event["time"])
    return row
