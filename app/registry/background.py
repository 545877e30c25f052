"""Long work that goes on after the request that asked for it.

A job is a row; what it still has to do is what the database still holds. So it can be taken up
at any line, by any worker: one that dies leaves a lease that ends by itself. A worker gives its
job back after a while, so that one that takes hours lets shorter ones pass.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import structlog
from bson import ObjectId
from pymongo import ReturnDocument

from app import audit, jobs
from app.auth.limits import MANAGEMENT, require_account_use
from app.auth.principal import Principal
from app.errors import Conflict, NotFound, RegistryError, Unauthenticated, Unavailable
from app.models import Job, JobItem, JobState
from app.models.fields import now
from app.models.rows import rows_of
from app.registry.listing import DOWN, UP, Page, PageRequest, Row, find_page

log = structlog.get_logger(__name__)

_LEASE = timedelta(seconds=60)
_SLICE_SECONDS = 15
_UNFINISHED = (JobState.QUEUED, JobState.RUNNING)
_NEWEST_FIRST = [("created_at", DOWN), ("_id", DOWN)]


@dataclass(frozen=True, kw_only=True)
class JobTarget:
    """What a job is done to; ``type`` is a noun of the design."""

    type: str
    id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class JobProgress:
    """How many things are done, of how many that there were at the beginning."""

    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class JobError:
    """Why a job failed: the code is for programs, the detail for people."""

    code: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class JobView:
    """A job as it is shown; ``created_by`` is a username."""

    id: str
    kind: str
    state: JobState
    target: JobTarget
    created_by: str
    progress: JobProgress
    cancel_requested: bool
    error: JobError | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class JobItemView:
    """What became of one of the things that a job went through."""

    name: str
    result: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """Which jobs are wanted; what is empty does not matter."""

    state: str = ""


class _Cancelled(Exception):
    """Somebody asked for the job to stop."""


class _Interrupted(Exception):
    """The job goes on later, or another worker has it."""


class RunningJob:
    """A job in the hands of the worker that does it.

    Attributes:
        actor: who the audit says did it.
        target_id: what it is done to.
    """

    def __init__(self, row: Row, *, ends_at: float) -> None:
        self._id: ObjectId = row["_id"]
        self._lease_until: datetime = row["lease_until"]
        self._ends_at = ends_at
        self.actor = audit.Actor(**row["actor"])
        self.target_id = ObjectId(row["target"]["id"])

    def note(self, names: Sequence[str], result: str) -> None:
        """Say what became of some things; belongs into the transaction that did it."""
        moment = now()
        rows_of(JobItem).insert_many(
            {"job": self._id, "name": name, "result": result, "at": moment} for name in names
        )
        rows_of(Job).update_one({"_id": self._id}, {"$inc": {"done": len(names)}})

    def checkpoint(self) -> None:
        """Be called between steps, each of which leaves everything right.

        Raises:
            Exception: the job is to stop here; not for the caller to catch.
        """
        lease_until = now() + _LEASE
        row = rows_of(Job).find_one_and_update(
            {"_id": self._id, "lease_until": self._lease_until},
            {"$set": {"lease_until": lease_until}},
        )
        if row is None:
            raise _Interrupted
        self._lease_until = lease_until
        if row["cancel_requested"]:
            raise _Cancelled
        if time.monotonic() > self._ends_at:
            raise _Interrupted

    def finish(self, state: JobState, error: RegistryError | None = None) -> None:
        """Write down how it ended."""
        found = {} if error is None else {"code": error.code, "detail": error.message}
        self._let_go({"state": state, "finished_at": now(), "error": found})

    def give_back(self) -> None:
        """Let any worker go on with it."""
        self._let_go({"lease_until": now()})

    def _let_go(self, changes: Row) -> None:
        rows_of(Job).update_one(
            {"_id": self._id, "lease_until": self._lease_until}, {"$set": changes}
        )


Work = Callable[[RunningJob], None]
"""Does what a kind of job is, from wherever it was left; calls ``checkpoint`` between steps."""


def begin(principal: Principal, kind: str, target: JobTarget, *, total: int) -> JobView:
    """Have something done; what is being done already is not begun again.

    Args:
        principal: was found to be allowed to.
        kind: of work.
        target: what it is done to.
        total: how many things it will go through.
    """
    under_way = rows_of(Job).find_one(
        {"kind": kind, "target.id": target.id, "state": {"$in": list(_UNFINISHED)}}
    )
    if under_way is not None:
        return _view(under_way)
    job = Job(
        kind=kind,
        user=principal.user_id,
        actor=asdict(principal.actor),
        request=asdict(audit.current_request()),
        target=asdict(target),
        total=total,
    ).save()
    jobs.run_jobs()
    return _view(job.to_mongo().to_dict())


def run_due(work: Mapping[str, Work], *, seconds: float) -> None:
    """Do what there is to do, the longest-waiting job first, for about so long.

    Raises:
        Unavailable: a service does not answer; the job goes on later.
    """
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        row = _take({"state": {"$in": list(_UNFINISHED)}})
        if row is None:
            return
        _run(row, work[row["kind"]], seconds=_SLICE_SECONDS)


def run_to_end(job: str, work: Mapping[str, Work], tell: Callable[[JobView], None]) -> JobView:
    """Do one job here, and tell how far it is after each slice.

    Raises:
        NotFound: there is no such job.
        Unavailable: a service does not answer; a worker goes on with it.
    """
    where: Row = {"_id": ObjectId(job)}
    while True:
        taken = _take({**where, "state": {"$in": list(_UNFINISHED)}})
        if taken is not None:
            _run(taken, work[taken["kind"]], seconds=1)
        row = rows_of(Job).find_one(where)
        if row is None:
            raise NotFound
        view = _view(row)
        if view.state not in _UNFINISHED:
            return view
        tell(view)
        if taken is None:
            time.sleep(1)  # A worker has it.


def list_jobs(principal: Principal, wanted: JobFilter, page: PageRequest) -> Page[JobView]:
    """Return the caller's jobs, or everybody's for a platform admin, the newest first.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the token may not.
    """
    require_account_use(principal, door=MANAGEMENT, action="read")
    where: Row = {} if principal.is_platform_admin else {"user": principal.user_id}
    if wanted.state:
        where["state"] = wanted.state
    found = find_page(rows_of(Job), where, _NEWEST_FIRST, page)
    return found.shown_as(lambda rows: [_view(row) for row in rows])


def get_job(principal: Principal, job: str) -> JobView:
    """Return a job of the caller's, or any for a platform admin.

    Raises:
        Unauthenticated: nobody is signed in.
        NotFound: there is none for this caller.
        Forbidden: the token may not.
    """
    return _view(_find(principal, job, "read"))


def list_items(principal: Principal, job: str, page: PageRequest) -> Page[JobItemView]:
    """Return what a job has done so far, in order.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for :func:`get_job`.
    """
    row = _find(principal, job, "read")
    found = find_page(rows_of(JobItem), {"job": row["_id"]}, [("_id", UP)], page)
    return found.shown_as(
        lambda rows: [
            JobItemView(name=one["name"], result=one["result"], at=one["at"]) for one in rows
        ]
    )


def cancel_job(principal: Principal, job: str) -> JobView:
    """Have a job stop at its next step; what it has done stays done.

    Raises:
        Unauthenticated, NotFound, Forbidden: as for :func:`get_job`.
        Conflict: it has ended.
    """
    row = _find(principal, job, "write")
    stopped = rows_of(Job).find_one_and_update(
        {"_id": row["_id"], "state": {"$in": list(_UNFINISHED)}},
        {"$set": {"cancel_requested": True}},
        return_document=ReturnDocument.AFTER,
    )
    if stopped is None:
        raise Conflict("This job has ended already.")
    jobs.run_jobs()
    return _view(stopped)


def _take(where: Row) -> Row | None:
    """Take a job that nobody is at."""
    moment = now()
    row = rows_of(Job).find_one_and_update(
        {**where, "lease_until": {"$lte": moment}},
        {"$set": {"state": JobState.RUNNING, "lease_until": moment + _LEASE}},
        sort=[("lease_until", UP)],
        return_document=ReturnDocument.AFTER,
    )
    if row is not None and row.get("started_at") is None:
        rows_of(Job).update_one({"_id": row["_id"]}, {"$set": {"started_at": moment}})
    return row


def _run(row: Row, work: Work, *, seconds: float) -> None:
    job = RunningJob(row, ends_at=time.monotonic() + seconds)
    audit.bind_request(**row["request"])
    try:
        job.checkpoint()
        work(job)
    except _Cancelled:
        job.finish(JobState.CANCELLED)
    except (_Interrupted, Unavailable) as stop:
        job.give_back()
        if isinstance(stop, Unavailable):
            raise
    except RegistryError as error:
        job.finish(JobState.FAILED, error)
    except Exception:
        log.exception("job.failed", job=str(row["_id"]), kind=row["kind"])
        job.finish(JobState.FAILED, RegistryError("It broke off; the worker's log says why."))
    else:
        job.finish(JobState.SUCCEEDED)
    finally:
        audit.unbind_request()


def _find(principal: Principal, job: str, action: str) -> Row:
    if principal.is_anonymous:
        raise Unauthenticated
    require_account_use(principal, door=MANAGEMENT, action=action)
    row = rows_of(Job).find_one({"_id": ObjectId(job)}) if ObjectId.is_valid(job) else None
    if row is None or not (principal.is_platform_admin or row.get("user") == principal.user_id):
        raise NotFound
    return row


def _view(row: Row) -> JobView:
    error = row.get("error")
    return JobView(
        id=str(row["_id"]),
        kind=row["kind"],
        state=JobState(row["state"]),
        target=JobTarget(**row["target"]),
        created_by=row["actor"]["name"],
        progress=JobProgress(done=row["done"], total=row["total"]),
        cancel_requested=row["cancel_requested"],
        error=JobError(**error) if error else None,
        created_at=row["created_at"],
        started_at=row.get("started_at"),
        finished_at=row.get("finished_at"),
    )
