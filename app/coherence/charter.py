"""The charter: a document in MongoDB that says in which Redis leases are held, if any are.

Redis alone cannot say it. A writer that does not reach Redis cannot tell whether Redis is
gone or only its own way there; a writer that finds an empty register cannot tell whether
nobody reads or Redis was restarted a moment ago. So a lease counts only under an open
charter, which its holder reads at every renewal, and a writer that cannot put up a fence
closes the charter instead. Where MongoDB does not answer there is no lease for long, and no
change either.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

import pymongo
import structlog
from pymongo import ReadPreference, ReturnDocument, WriteConcern
from pymongo.errors import DuplicateKeyError, PyMongoError

from app.coherence.bus import BusError
from app.errors import Unavailable

if TYPE_CHECKING:
    from pymongo.database import Database

    from app.coherence.bus import Bus
    from app.coherence.clock import Clock, Timings

log = structlog.get_logger(__name__)

_ID = "charter"
_ANSWER_SECONDS = 5.0


def _new_name() -> str:
    return uuid4().hex


@dataclass(frozen=True)
class Charter:
    """One state of the document. Names are random, so that none ever comes again.

    Attributes:
        edition: names this very state.
        term: names the time since it was last opened. A term that was closed is never open
            again; what holds a lease of a closed term only waits for it to run out.
        seat: the Redis server and register (see :class:`~app.coherence.bus.Bus`).
        is_open: leases may be taken and renewed.
    """

    edition: str
    term: str
    seat: str | None
    is_open: bool


ABSENT = Charter(edition="", term="", seat=None, is_open=False)
"""Before anyone has read or written in this database."""


class CharterStore(Protocol):
    """Where the charter is kept. Each step is atomic, durable, and seen by the next one.

    Raises:
        Unavailable: by every method; whether the step was taken is unknown.
    """

    def read(self) -> Charter:
        """Return the charter as it is at some moment during the call."""

    def found(self, charter: Charter) -> bool:
        """Write the first charter; return False where there is one."""

    def close(self) -> Charter:
        """Take the seat away and return the new edition; its term stays the same."""

    def amend(self, edition: str, charter: Charter) -> bool:
        """Replace this edition; return False where it is not the present one."""


class MongoCharterStore:
    """The charter in MongoDB."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._collection = database.get_collection(
            "coherence",
            read_preference=ReadPreference.PRIMARY,
            write_concern=WriteConcern(w="majority", j=True),
        )

    def read(self) -> Charter:
        """Return the charter, confirmed by a majority.

        A plain read may be answered by a primary that was deposed and does not know it. A
        write that a majority took cannot be; it takes 1 ms where a linearizable read takes
        100 ms, since that waits for the journal's next turn.
        """
        with self._reaching():
            row = self._collection.find_one_and_update({"_id": _ID}, {"$inc": {"reads": 1}})
        return _from_row(row)

    def found(self, charter: Charter) -> bool:
        """See :class:`CharterStore`."""
        try:
            with self._reaching():
                self._collection.insert_one({"_id": _ID} | asdict(charter))
        except DuplicateKeyError:
            return False
        return True

    def close(self) -> Charter:
        """See :class:`CharterStore`; also where there is no charter yet."""
        with self._reaching():
            row = self._collection.find_one_and_update(
                {"_id": _ID},
                {
                    "$set": {"edition": _new_name(), "seat": None, "is_open": False},
                    "$setOnInsert": {"term": _new_name()},
                },
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        return _from_row(row)

    def amend(self, edition: str, charter: Charter) -> bool:
        """See :class:`CharterStore`."""
        with self._reaching():
            result = self._collection.update_one(
                {"_id": _ID, "edition": edition}, {"$set": asdict(charter)}
            )
        return result.matched_count == 1

    @staticmethod
    @contextmanager
    def _reaching() -> Iterator[None]:
        try:
            with pymongo.timeout(_ANSWER_SECONDS):
                yield
        except DuplicateKeyError:
            raise
        except PyMongoError as error:
            raise Unavailable from error


def _from_row(row: dict[str, Any] | None) -> Charter:
    if row is None:
        return ABSENT
    return Charter(
        edition=row["edition"], term=row["term"], seat=row["seat"], is_open=row["is_open"]
    )


@dataclass(frozen=True)
class Sighting:
    """The charter as it was at some moment after ``asked_at`` on this process's clock."""

    charter: Charter
    asked_at: float


class CharterKeeper:
    """What one process knows of the charter and since when, and what it does to it."""

    def __init__(self, store: CharterStore, bus: Bus, clock: Clock, timings: Timings) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._timings = timings
        self._latest: Sighting | None = None
        self._edition_seen = ("", 0.0)
        self._closed_term_seen = ("", 0.0)

    def look(self) -> Sighting:
        """Read the charter; where there is none, write the first one.

        The first charter is open at once: no process can have read or written under none.

        Raises:
            Unavailable: MongoDB does not answer.
        """
        asked_at = self._clock.now()
        charter = self._store.read()
        if charter == ABSENT:
            charter = self._found()
        return self._note(charter, asked_at)

    def recent(self) -> Sighting:
        """Return a sighting that is at most as old as a lease.

        Raises:
            Unavailable: MongoDB does not answer.
        """
        latest = self._latest
        if latest is None or self._clock.now() - latest.asked_at > self._timings.lease:
            return self.look()
        return latest

    def close(self) -> Charter:
        """Let all leases run out, everywhere; return the closed charter.

        Raises:
            Unavailable: MongoDB does not answer.
        """
        asked_at = self._clock.now()
        log.warning("coherence.charter_closed")
        return self._note(self._store.close(), asked_at).charter

    def leases_end_at(self, charter: Charter) -> float:
        """Return when, at the latest, the last lease of a closed charter's term runs out."""
        term, seen_at = self._closed_term_seen
        closed_at = seen_at if term == charter.term else self._clock.now()
        return closed_at + self._timings.lease

    def succeed(self, charter: Charter) -> None:
        """Name a register in the Redis that answers here; to be opened once others know.

        Raises:
            BusError: Redis does not answer.
            Unavailable: MongoDB does not answer.
        """
        seat = self._bus.new_seat()
        successor = replace(charter, edition=_new_name(), seat=seat, is_open=False)
        asked_at = self._clock.now()
        if self._store.amend(charter.edition, successor):
            log.warning("coherence.seat_named", seat=seat)
            self._note(successor, asked_at)
            self._bus.seat(seat)

    def open_in_time(self, charter: Charter) -> None:
        """Open a closed charter once every change that began without knowing it is over.

        A change is over, or begins anew, within the time that a fence lasts.

        Raises:
            Unavailable: MongoDB does not answer.
        """
        edition, seen_at = self._edition_seen
        age = self._clock.now() - seen_at
        if edition == charter.edition and age >= self._timings.fence:
            opened = replace(charter, edition=_new_name(), term=_new_name(), is_open=True)
            if self._store.amend(charter.edition, opened):
                log.info("coherence.charter_opened", seat=charter.seat)

    def _found(self) -> Charter:
        try:
            seat = self._bus.new_seat()
        except BusError:
            return ABSENT
        first = Charter(edition=_new_name(), term=_new_name(), seat=seat, is_open=True)
        if not self._store.found(first):
            return self._store.read()
        with suppress(BusError):  # then the first to find it unseated names another
            self._bus.seat(seat)
        return first

    def _note(self, charter: Charter, asked_at: float) -> Sighting:
        sighting = Sighting(charter, asked_at)
        now = self._clock.now()
        if self._latest is None or asked_at >= self._latest.asked_at:
            self._latest = sighting
        if charter.edition != self._edition_seen[0]:
            self._edition_seen = (charter.edition, now)
        if not charter.is_open and charter.term != self._closed_term_seen[0]:
            self._closed_term_seen = (charter.term, now)
        return sighting
