"""Downloads per version and day, which cost a download nothing.

A web process counts in its memory, and adds that to a hash in Redis every second; one that dies
loses the last second. A worker takes the hash away as a batch, and adds it to the rows. Each part
of a batch is one transaction with a mark that it is done, so that a worker which dies at any line
neither loses nor repeats any of it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count as count_up
from itertools import islice
from typing import NamedTuple
from uuid import uuid4

import structlog
from bson import ObjectId
from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError
from redis.exceptions import RedisError, ResponseError

from app.access import Action
from app.auth.principal import Principal
from app.errors import Unavailable
from app.extensions import downloads, redis, settings
from app.models import CountedBatch, DownloadCount, in_transaction
from app.models.fields import now
from app.models.rows import rows_of
from app.registry.listing import DOWN, UP, Page, PageRequest, Row, find_page
from app.registry.package_management import find

log = structlog.get_logger(__name__)

INTERVAL_SECONDS = 1.0
USUAL_DAYS = 30

_DAY_SECONDS = 24 * 3600
_MOST_WAITING = 10_000  # kinds of counts in memory while Redis does not answer
_MOST_IN_PART = 500  # of a batch, in one transaction
_ID = "id"  # of a batch, beside its counts; no count's field is called so
_ORDER = [("day", DOWN), ("version", UP)]


class Download(NamedTuple):
    """What is downloaded: a version, of the package with this id."""

    package: ObjectId
    version: str


class DownloadCounter:
    """What a web process has counted and not yet told Redis."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[int, Download]] = Counter()

    def note(self, download: Download) -> None:
        """Count one download; costs no round trip."""
        self._counts[int(time.time()) // _DAY_SECONDS, download] += 1

    def take(self) -> Counter[tuple[int, Download]]:
        """Return what was counted, and begin anew."""
        taken, self._counts = self._counts, Counter()
        return taken

    def give_back(self, counts: Counter[tuple[int, Download]]) -> int:
        """Keep counts for the next time; returns how many downloads were too many to keep."""
        kept = Counter(dict(counts.most_common(_MOST_WAITING)))
        self._counts += kept
        return counts.total() - kept.total()


@dataclass(frozen=True, kw_only=True)
class DownloadsOfDay:
    """The downloads of one version on one day."""

    date: date
    version: str
    downloads: int


@dataclass(frozen=True, kw_only=True)
class DownloadFilter:
    """Which days are wanted, both included; the last 30 where nothing is said."""

    first: date | None = None
    last: date | None = None


def send() -> None:
    """Add what this process has counted to what waits in Redis; called every second."""
    counts = downloads.take()
    if not counts:
        return
    waiting = redis.pipeline(transaction=True)
    for (day, download), count in counts.items():
        shown = date.fromordinal(date(1970, 1, 1).toordinal() + day).isoformat()
        waiting.hincrby(_waiting(), f"{shown}|{download.package}|{download.version}", count)
    try:
        waiting.execute()
    except RedisError as error:
        lost = downloads.give_back(counts)
        log.warning("downloads.not_sent", error=str(error), lost=lost)


def flush(
    *, most_in_part: int = _MOST_IN_PART, after_part: Callable[[], None] = lambda: None
) -> int:
    """Add what waits in Redis to the rows; returns how many counts that were.

    Args:
        most_in_part: how many are written in one transaction.
        after_part: called after each.

    Raises:
        Unavailable: Redis or MongoDB does not answer. Nothing is lost.
    """
    try:
        batch_id = _take_batch()
        if batch_id is None:
            return 0
        fields = redis.hgetall(_batch())
        texts = {_text(name): int(count) for name, count in fields.items() if _text(name) != _ID}
        counts = iter(sorted(texts.items()))
        for number in count_up():
            part = list(islice(counts, most_in_part))
            if not part:
                break
            _write(f"{batch_id}/{number}", part)
            after_part()
        redis.delete(_batch())
    except RedisError as error:
        raise Unavailable from error
    return len(texts)


def list_downloads(
    principal: Principal, package: str, wanted: DownloadFilter, page: PageRequest
) -> Page[DownloadsOfDay]:
    """Return how often each version was downloaded on each day, the newest first.

    A version that was deleted keeps its counts. What was downloaded in the last minute may be
    missing.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for ``package_management.find``.
    """
    found = find(principal, package, Action.READ)
    last = wanted.last or datetime.now(UTC).date()
    first = wanted.first or last - timedelta(days=USUAL_DAYS - 1)
    where: Row = {
        "package": found.row["_id"],
        "day": {"$gte": first.isoformat(), "$lte": last.isoformat()},
    }
    return find_page(rows_of(DownloadCount), where, _ORDER, page).shown_as(
        lambda rows: [
            DownloadsOfDay(
                date=date.fromisoformat(row["day"]),
                version=row["version"],
                downloads=row["count"],
            )
            for row in rows
        ]
    )


def _take_batch() -> str | None:
    """Return the id of the batch that is to be written; none where nothing waits.

    One that another worker has left behind comes first.
    """
    if not redis.exists(_batch()):
        try:
            redis.renamenx(_waiting(), _batch())
        except ResponseError:
            return None  # There is nothing.
    redis.hsetnx(_batch(), _ID, uuid4().hex)
    found = redis.hget(_batch(), _ID)
    return None if found is None else _text(found)


def _write(name: str, counts: Sequence[tuple[str, int]]) -> None:
    """Add a part of a batch, unless that was done already."""

    def work() -> None:
        rows_of(CountedBatch).insert_one({"_id": name, "at": now()})
        rows_of(DownloadCount).bulk_write([_addition(*one) for one in counts], ordered=False)

    try:
        in_transaction(work)
    except DuplicateKeyError:
        if rows_of(CountedBatch).find_one({"_id": name}) is None:
            raise


def _addition(field: str, count: int) -> UpdateOne:
    day, package, version = field.split("|", 2)
    key = {"package": ObjectId(package), "day": day, "version": version}
    return UpdateOne(key, {"$inc": {"count": count}}, upsert=True)


def _waiting() -> str:
    return f"{settings.redis_prefix}downloads:waiting"


def _batch() -> str:
    return f"{settings.redis_prefix}downloads:batch"


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
