"""Claims: one publish of a number at a time, and what a dead one left is known.

A claim is a row that names the number, the attempt that may finish it, and the objects that
this attempt may make: no other attempt ever makes an object of the same key. It is taken before
the first object is made and removed in the transaction that makes the version visible, so that
who lost it (to the sweeper, to another publish that thought it dead, to a repository's deletion)
cannot finish. Whoever wants to remove an attempt's objects takes its claim away first.

It is written without waiting for the disk: should MongoDB forget it in a crash, then the
attempt cannot finish, and its objects are what no row names.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from bson import ObjectId, Timestamp
from pymongo.errors import DuplicateKeyError

from app.errors import Conflict, PublishInProgress
from app.extensions import store
from app.models import PublishClaim, Version
from app.models.connection import UNSYNCED, write_unsynced
from app.models.fields import now
from app.models.rows import rows_of
from app.registry import formats

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.registry.names import PackageName

_LEAST_PATIENCE = timedelta(minutes=2)
_SLOWEST_BYTES_PER_SECOND = 256 * 1024  # from here to the store
_OUTCOME_WAITS_SECONDS = (0.02, 0.03, 0.05, 0.1, 0.2, *[0.4] * 24)
"""How long to wait for the outcome of somebody else's publish, between looks: ten seconds."""


@dataclass(frozen=True, kw_only=True)
class Number:
    """What a publish wants: one number of one package, in normal form, and its display form.

    Attributes:
        slot: where the version's files come one by one, that of those that are published.
    """

    name: PackageName
    organization: ObjectId
    repository: ObjectId
    number: str
    display: str
    slot: str = ""

    @property
    def key(self) -> str:
        """Return the claim's ``_id``."""
        return PublishClaim.key_of(
            self.name.protocol, self.organization, self.name.normal, self.number, self.slot
        )


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt to publish a number.

    Attributes:
        id: is part of every key that it makes.
        keys: of the objects that it will make.
        size_bytes: of all of them together.
    """

    id: str
    keys: Collection[str]
    size_bytes: int

    @property
    def patience(self) -> timedelta:
        """How long it may take; then its publisher is dead, or will find out."""
        return _LEAST_PATIENCE + timedelta(seconds=self.size_bytes // _SLOWEST_BYTES_PER_SECOND)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A number that is ours to finish, as long as nobody takes it away.

    Attributes:
        taken_at: by MongoDB's clock; a transaction has to see what was there then.
    """

    key: str
    attempt: str
    taken_at: Timestamp


def take(wanted: Number, attempt: Attempt, refuse_taken: Callable[[], None]) -> Claim:
    """Take a number, waiting for whoever holds it to finish or fail.

    Args:
        wanted: the number.
        attempt: what will be made.
        refuse_taken: raises where the number is published, or was; called after a wait.

    Raises:
        PublishInProgress: somebody else has been publishing it for ten seconds.
    """
    claim = _insert(wanted, attempt) or _take_over(wanted, attempt)
    for seconds in _OUTCOME_WAITS_SECONDS:
        if claim is not None:
            break
        time.sleep(seconds)
        refuse_taken()
        claim = _insert(wanted, attempt)
    if claim is None:
        raise PublishInProgress(wanted.name.display, wanted.display)
    return claim


def _insert(wanted: Number, attempt: Attempt) -> Claim | None:
    row = {"_id": wanted.key, "repository": wanted.repository, **_fields_of(attempt)}
    try:
        inserted = write_unsynced(PublishClaim, lambda rows: rows.insert_one(row))
    except DuplicateKeyError:
        return None
    return Claim(key=wanted.key, attempt=attempt.id, taken_at=inserted.at)


def _take_over(wanted: Number, attempt: Attempt) -> Claim | None:
    """Take an abandoned claim over; what its attempt made becomes what no row names."""
    expired = {"_id": wanted.key, "expires_at": {"$lt": now()}}
    changes = {"$set": _fields_of(attempt)}
    taken = write_unsynced(PublishClaim, lambda rows: rows.update_one(expired, changes))
    if not taken.result.matched_count:
        return None
    return Claim(key=wanted.key, attempt=attempt.id, taken_at=taken.at)


def _fields_of(attempt: Attempt) -> dict[str, Any]:
    return {
        "attempt": attempt.id,
        "keys": list(attempt.keys),
        "expires_at": now() + attempt.patience,
    }


def finish(claims: Sequence[Claim]) -> None:
    """Give claims up for the versions themselves; within the transaction that shows them.

    Raises:
        Conflict: one of them was lost.
    """
    ours = {
        "_id": {"$in": [one.key for one in claims]},
        "attempt": {"$in": [one.attempt for one in claims]},
    }
    if rows_of(PublishClaim).delete_many(ours).deleted_count != len(claims):
        raise Conflict("This publish took too long and another one took its place.")


def release(claim: Claim) -> None:
    """Undo a claim whose publish failed; what cannot be undone now, the sweeper does."""
    with suppress(Exception):
        _remove(claim.key, claim.attempt)


def remove_abandoned(before: datetime) -> int:
    """Remove claims that expired before then, with their objects; returns how many."""
    rows = list(rows_of(PublishClaim).find({"expires_at": {"$lt": before}}, {"attempt": 1}))
    return sum(_remove(row["_id"], row["attempt"]) for row in rows)


def remove_of_repositories(repositories: Collection[ObjectId]) -> None:
    """Take away all claims on numbers in some repositories.

    Their objects become what no row names. May be part of a transaction.
    """
    rows_of(PublishClaim).delete_many({"repository": {"$in": list(repositories)}})


def keys_in_use(keys: Collection[str]) -> set[str]:
    """Return which of these keys a claim, a version or a format's own row names.

    Claims are asked first: a claim that becomes a version in between is found as the one or as
    the other.
    """
    claimed = rows_of(PublishClaim).find({"keys": {"$in": list(keys)}}, {"keys": 1, "_id": 0})
    found = {key for row in claimed for key in row["keys"]}
    versions = rows_of(Version).find({"files.key": {"$in": list(keys)}}, {"files.key": 1, "_id": 0})
    found |= {file["key"] for row in versions for file in row["files"]}
    return found | formats.keys_named(keys)


def _remove(key: str, attempt: str) -> bool:
    """Take a claim away, then its objects, then the row that names them."""
    rows = rows_of(PublishClaim).with_options(write_concern=UNSYNCED)
    remover = f"removed-{uuid.uuid4().hex}"
    row = rows.find_one_and_update(
        {"_id": key, "attempt": attempt},
        {"$set": {"attempt": remover, "expires_at": now() + _LEAST_PATIENCE}},
        {"keys": 1},
    )
    if row is None:
        return False
    for object_key in row["keys"]:
        store.delete(object_key)
    return rows.delete_one({"_id": key, "attempt": remover}).deleted_count == 1
