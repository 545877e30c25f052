"""Lists of packages: what they are made of, and how each process keeps up with them.

A change that such a list shows adds an entry to the protocol's log, in the transaction that
makes it. A process folds the entries of the repositories that some caller may read into the
list that it shows them, and of what was published since then it reads the new entries only:
a list is updated, never rebuilt. Two callers who may read the same repositories share it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar, cast

from bson import ObjectId

from app.extensions import coherence, listing_folds
from app.models import Counter, ListingEntry, NameClaim
from app.models.rows import insert, rows_of
from app.registry.formats import format_of
from app.registry.resolution import PublishTarget

_MOST_FOLDS = 256
_MOST_BYTES = 64 * 1024 * 1024
_ENTRY_BYTES = 200  # what an entry costs beside its text
_BATCH = 1000

Shown = TypeVar("Shown")
Shown_co = TypeVar("Shown_co", covariant=True)


@dataclass(frozen=True, kw_only=True)
class ListedChange:
    """What happened to one package, as far as a list could show it.

    Attributes:
        organization: whose it is.
        name, display: the package's name in normal form, and as its publisher spells it.
        is_listed: whether the package is there afterwards.
        is_renamed: it was not there before, or was displayed in another way.
        claims_name: its organization has just got the name at the platform scope.
        added, removed: numbers of versions, as their publishers spell them.
    """

    package: ObjectId
    organization: ObjectId
    repository: ObjectId
    name: str
    display: str
    is_listed: bool = True
    is_renamed: bool = False
    claims_name: bool = False
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What the log holds of one change.

    Attributes:
        text: the protocol's own.
        at: when it was written, to the second, UTC.
    """

    text: str
    at: datetime


class Fold(Protocol[Shown_co]):
    """A list that is being kept up to date."""

    def add(self, entries: Sequence[Entry]) -> None:
        """Take in new entries, in their order."""

    def show(self) -> Shown_co:
        """Return the list as it is now; what is returned does not change any more."""


@dataclass(frozen=True, kw_only=True)
class ListKind(Generic[Shown]):
    """One kind of list.

    Attributes:
        name: unique among all protocols: ``pypi/projects``.
        begin: returns an empty one.
    """

    name: str
    protocol: str
    begin: Callable[[], Fold[Shown]]


def tags_of(protocol: str, repositories: Iterable[ObjectId]) -> set[str]:
    """Return what lists of some repositories depend on; none where the format has no lists."""
    if format_of(protocol).listed is None:
        return set()
    return {f"listing:{repository}" for repository in repositories}


def tags_to_publish(target: PublishTarget) -> set[str]:
    """Return what lists depend on that may show what is about to be published."""
    return tags_of(target.name.protocol, [target.repository.id])


def record(protocol: str, changes: Sequence[ListedChange]) -> None:
    """Add what changed to the log; within the transaction that changes it, as its last step.

    Numbers are given out to one transaction at a time, so that who sees one sees all before.
    """
    listed = format_of(protocol).listed
    if listed is None:
        return
    said = [(one, text) for one in changes if (text := listed(one)) is not None]
    if not said:
        return
    holders = _holders(protocol, [one for one, _text in said])
    first = Counter.take(f"listing:{protocol}", len(said))
    insert(
        [
            ListingEntry(
                id=ObjectId(),
                protocol=protocol,
                sequence=sequence,
                repository=one.repository,
                name=one.name,
                holds_name=holders.get(one.name) == one.organization,
                text=text,
            )
            for sequence, (one, text) in enumerate(said, first)
        ]
    )


def forget(repository: ObjectId) -> None:
    """Remove the log of a repository that is removed; within the same transaction."""
    rows_of(ListingEntry).delete_many({"repository": repository})


def shown(kind: ListKind[Shown], repositories: frozenset[ObjectId], *, of_holders: bool) -> Shown:
    """Return a list as it is now.

    Args:
        kind: which one.
        repositories: whose packages it shows: those that the caller may read.
        of_holders: show only packages that hold their name at the platform scope.
    """

    def load() -> tuple[Shown, int]:
        coherence.depends_on(*tags_of(kind.protocol, repositories))
        followed = listing_folds.of(kind, repositories, of_holders=of_holders)
        return followed.update(), followed.size_bytes

    # Where the fold is forgotten, what it has shown is kept alone.
    key = ("listing", kind.name, repositories, of_holders)
    found, _size = coherence.cached(key, load, size_bytes=lambda pair: pair[1])
    return found


def _holders(protocol: str, changes: Sequence[ListedChange]) -> dict[str, ObjectId]:
    """Return who has the packages' names at the platform scope, where somebody has."""
    holders = {one.name: one.organization for one in changes if one.claims_name}
    unknown = [one.name for one in changes if not one.claims_name]
    if unknown:
        rows = rows_of(NameClaim).find(
            {"protocol": protocol, "name": {"$in": unknown}}, {"name": 1, "organization": 1}
        )
        holders |= {row["name"]: row["organization"] for row in rows}
    return holders


@dataclass
class _Followed(Generic[Shown]):
    """A fold, and how far in the log it is.

    Attributes:
        last: the last entry that it has; none at the beginning.
        size_bytes: about what it costs to keep.
    """

    kind: ListKind[Shown]
    where: dict[str, Any]
    fold: Fold[Shown]
    last: ObjectId | None = None
    sequence: int = 0
    size_bytes: int = 0
    lock: Lock = field(default_factory=Lock)

    def update(self) -> Shown:
        """Read what came since, and return the list.

        A log that no longer has the entry that was read last is another one: MongoDB was
        restored from a backup. Then the list is made anew.
        """
        with self.lock:
            if not self._still_has_last():
                self.fold, self.last, self.sequence = self.kind.begin(), None, 0
                self.size_bytes = 0
            for batch in self._batches():
                self.fold.add(batch)
            return self.fold.show()

    def _still_has_last(self) -> bool:
        if self.last is None:
            return True
        return rows_of(ListingEntry).find_one({"_id": self.last}, {"_id": 1}) is not None

    def _batches(self) -> Iterator[list[Entry]]:
        """Yield new entries, in batches: others have their turn while the next is fetched.

        None after the newest that is there now. MongoDB merges what it finds of each repository,
        and does not look again at one whose end it has seen: of what comes meanwhile it may
        find a later entry of one, and not an earlier one of another.
        """
        newest = rows_of(ListingEntry).find_one(
            {"protocol": self.kind.protocol}, {"sequence": 1}, sort=[("sequence", -1)]
        )
        if newest is None:
            return
        span = {"$gt": self.sequence, "$lte": newest["sequence"]}
        found = rows_of(ListingEntry).find(
            {**self.where, "sequence": span}, {"sequence": 1, "text": 1}
        )
        rows = iter(found.sort("sequence", 1).batch_size(_BATCH))
        while batch := list(islice(rows, _BATCH)):
            yield [Entry(text=row["text"], at=row["_id"].generation_time) for row in batch]
            self.last, self.sequence = batch[-1]["_id"], batch[-1]["sequence"]
            self.size_bytes += sum(len(row["text"]) + _ENTRY_BYTES for row in batch)


class ListingFolds:
    """The lists that one process keeps up with: those that were asked for most recently."""

    def __init__(self, *, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._followed: OrderedDict[object, _Followed[Any]] = OrderedDict()

    def of(
        self, kind: ListKind[Shown], repositories: frozenset[ObjectId], *, of_holders: bool
    ) -> _Followed[Shown]:
        """Return a list, which may not be up to date yet."""
        key = (kind.name, repositories, of_holders)
        found = self._followed.get(key)
        if found is None:
            where: dict[str, Any] = {
                "protocol": kind.protocol,
                "repository": {"$in": sorted(repositories)},
            }
            if of_holders:
                where["holds_name"] = True
            found = self._followed[key] = _Followed(kind, where, kind.begin())
        self._followed.move_to_end(key)
        self._forget_the_oldest()
        return cast("_Followed[Shown]", found)

    def _forget_the_oldest(self) -> None:
        size_bytes = sum(one.size_bytes for one in self._followed.values())
        while len(self._followed) > 1 and (
            size_bytes > self._most_bytes or len(self._followed) > _MOST_FOLDS
        ):
            _key, forgotten = self._followed.popitem(last=False)
            size_bytes -= forgotten.size_bytes
