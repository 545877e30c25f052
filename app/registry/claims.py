"""Claims: one publish of a number at a time, and what a dead one left is known.

A claim is a row that names the number, the attempt that may finish it, and the objects that
this attempt may have made. It is taken before the first object is made and removed in the
transaction that makes the version visible, so that who lost it (to the sweeper, to another
publish that thought it dead, to a repository's deletion) cannot finish. Whoever wants to
remove an attempt's objects takes its claim away first.

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

from bson import ObjectId
from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError

from app.errors import Conflict, PublishInProgress
from app.extensions import store
from app.models import PublishClaim, Version
from app.models.fields import now
from app.models.rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pymongo.collection import Collection as Rows

    from app.registry.names import PackageName

ABANDONED_AFTER = timedelta(minutes=2)
"""A claim older than this may be taken over: its publisher is dead or will find out."""

_OUTCOME_WAITS_SECONDS = (0.02, 0.03, 0.05, 0.1, 0.2, *[0.4] * 24)
"""How long to wait for the outcome of somebody else's publish, between looks: ten seconds."""

_UNSYNCED = WriteConcern(w=1, j=False)


@dataclass(frozen=True, kw_only=True)
class Number:
    """What a publish wants: one number of one package, in normal form, and its display form."""

    name: PackageName
    organization: ObjectId
    repository: ObjectId
    number: str
    display: str

    @property
    def key(self) -> str:
        """Return the claim's ``_id``."""
        return PublishClaim.key_of(
            self.name.protocol, self.organization, self.name.normal, self.number
        )


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A number that is ours to finish, as long as nobody takes it away."""

    key: str
    publisher: str


def take(wanted: Number, keys: Collection[str], refuse_taken: Callable[[], None]) -> Claim:
    """Take a number, waiting for whoever holds it to finish or fail.

    Args:
        keys: of the objects that will be made.
        refuse_taken: raises where the number is published, or was; called after a wait.

    Raises:
        PublishInProgress: somebody else has been publishing it for ten seconds.
    """
    claim = _insert(wanted, keys) or _take_over(wanted.key, keys)
    for seconds in _OUTCOME_WAITS_SECONDS:
        if claim is not None:
            return claim
        time.sleep(seconds)
        refuse_taken()
        claim = _insert(wanted, keys)
    if claim is not None:
        return claim
    raise PublishInProgress(wanted.name.display, wanted.display)


def _insert(wanted: Number, keys: Collection[str]) -> Claim | None:
    claim = Claim(key=wanted.key, publisher=uuid.uuid4().hex)
    row = {
        "_id": claim.key,
        "publisher": claim.publisher,
        "repository": wanted.repository,
        "keys": list(keys),
        "claimed_at": now(),
    }
    with suppress(DuplicateKeyError):
        _rows().insert_one(row)
        return claim
    return None


def _take_over(key: str, keys: Collection[str]) -> Claim | None:
    """Take an abandoned claim over; none where it is not abandoned.

    What the abandoned attempt made becomes what no row names.
    """
    claim = Claim(key=key, publisher=uuid.uuid4().hex)
    taken = _rows().update_one(
        {"_id": key, "claimed_at": {"$lt": now() - ABANDONED_AFTER}},
        {"$set": {"publisher": claim.publisher, "keys": list(keys), "claimed_at": now()}},
    )
    return claim if taken.matched_count else None


def add_key(claim: Claim, key: str) -> None:
    """Say that one more object will be made.

    Raises:
        Conflict: the claim was lost.
    """
    kept = _rows().update_one(_mine(claim), {"$push": {"keys": key}})
    if not kept.matched_count:
        raise _lost()


def finish(claims: Sequence[Claim]) -> None:
    """Give claims up for the versions themselves; within the transaction that shows them.

    Raises:
        Conflict: one of them was lost.
    """
    ours = {
        "_id": {"$in": [one.key for one in claims]},
        "publisher": {"$in": [one.publisher for one in claims]},
    }
    if rows_of(PublishClaim).delete_many(ours).deleted_count != len(claims):
        raise _lost()


def release(claim: Claim) -> None:
    """Undo a claim whose publish failed; what cannot be undone now, the sweeper does."""
    with suppress(Exception):
        _remove(_mine(claim))


def remove_abandoned(before: datetime) -> int:
    """Remove claims that were taken before then, with their objects; returns how many."""
    rows = list(_rows().find({"claimed_at": {"$lt": before}}, {"publisher": 1}))
    return sum(_remove({"_id": row["_id"], "publisher": row["publisher"]}) for row in rows)


def remove_of_repositories(repositories: Collection[ObjectId]) -> None:
    """Take away all claims on numbers in some repositories.

    Their objects become what no row names. May be part of a transaction.
    """
    rows_of(PublishClaim).delete_many({"repository": {"$in": list(repositories)}})


def _remove(which: dict[str, Any]) -> bool:
    """Take a claim away, then its objects, then the row that names them.

    A version may have been there before the claim, with an object of the same key. None can
    come while the row is there.
    """
    publisher = f"removed-{uuid.uuid4().hex}"
    row = _rows().find_one_and_update(
        which, {"$set": {"publisher": publisher, "claimed_at": now()}}, {"keys": 1}
    )
    if row is None:
        return False
    for key in set(row["keys"]) - keys_of_versions(row["keys"]):
        store.delete(key)
    return bool(_rows().delete_one({"_id": row["_id"], "publisher": publisher}).deleted_count)


def keys_of_versions(keys: Collection[str]) -> set[str]:
    """Return which of these keys some version names."""
    rows = rows_of(Version).find({"files.key": {"$in": list(keys)}}, {"files.key": 1, "_id": 0})
    return {file["key"] for row in rows for file in row["files"]}


def _mine(claim: Claim) -> dict[str, Any]:
    return {"_id": claim.key, "publisher": claim.publisher}


def _rows() -> Rows[dict[str, Any]]:
    return rows_of(PublishClaim).with_options(write_concern=_UNSYNCED)


def _lost() -> Conflict:
    return Conflict("This publish took too long and another one took its place.")
