"""Changes that come to their end at the same time share one transaction.

A transaction costs nearly as much for one change as for ten: as many commands, one fence, one
write of the journal. So while one is being written the next ones gather, and then go together,
led by one of them. Nobody waits where nothing is being written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Generic, TypeVar, cast

from pymongo.errors import DuplicateKeyError, PyMongoError

from app.errors import Unavailable

Job = TypeVar("Job")
Result = TypeVar("Result")

_MOST_JOBS = 16
_UNCERTAIN = (Unavailable, PyMongoError)


@dataclass(eq=False)
class _Seat(Generic[Job, Result]):
    """One job, and what became of it.

    Attributes:
        is_called: set when there is an outcome, or when it is to lead.
        leads: it was called to lead; changed under the lock only.
        is_alone: its group failed, and it goes by itself now.
        error: what its group failed with, where nothing more is to be tried.
    """

    job: Job
    is_called: Event = field(default_factory=Event)
    leads: bool = False
    is_alone: bool = False
    error: BaseException | None = None
    result: Result | None = None


class GroupCommit(Generic[Job, Result]):
    """Commits jobs in groups, each of which ends for all as it would have ended alone.

    Args:
        commit: commits all or none, and returns a result for each.
        key: of two jobs with the same key only one is in a group.
    """

    def __init__(
        self, commit: Callable[[Sequence[Job]], Sequence[Result]], key: Callable[[Job], Hashable]
    ) -> None:
        self._commit = commit
        self._key = key
        self._lock = Lock()
        self._waiting: deque[_Seat[Job, Result]] = deque()
        self._is_led = False

    def commit(self, job: Job) -> Result:
        """Commit a job, alone or with others.

        Raises:
            Exception: whatever ``commit`` raises for this job alone.
            Unavailable: whether it was committed is unknown.
        """
        seat: _Seat[Job, Result] = _Seat(job)
        self._sit_down(seat)
        if seat.leads:
            self._lead(seat)
        if seat.is_alone:
            return self._commit([job])[0]
        if seat.error is not None:
            raise seat.error
        return cast("Result", seat.result)

    def _sit_down(self, seat: _Seat[Job, Result]) -> None:
        """Wait until the job is done, or to be led; at once where nobody is at it."""
        with self._lock:
            if not self._is_led:
                self._is_led = seat.leads = True
                return
            self._waiting.append(seat)
        try:
            seat.is_called.wait()
        except BaseException:
            self._leave(seat)
            raise

    def _leave(self, seat: _Seat[Job, Result]) -> None:
        with self._lock:
            if seat in self._waiting:
                self._waiting.remove(seat)
                return
        if seat.leads:
            self._call_next()

    def _lead(self, seat: _Seat[Job, Result]) -> None:
        group = self._gather(seat)
        try:
            self._settle(group)
        except BaseException:
            for one in group[1:]:
                one.error = Unavailable()
            raise
        finally:
            for one in group[1:]:
                one.is_called.set()
            self._call_next()

    def _gather(self, leader: _Seat[Job, Result]) -> list[_Seat[Job, Result]]:
        group, keys = [leader], {self._key(leader.job)}
        with self._lock:
            for seat in tuple(self._waiting):
                if len(group) < _MOST_JOBS and self._key(seat.job) not in keys:
                    keys.add(self._key(seat.job))
                    group.append(seat)
                    self._waiting.remove(seat)
        return group

    def _settle(self, group: Sequence[_Seat[Job, Result]]) -> None:
        try:
            results = self._commit([one.job for one in group])
        except DuplicateKeyError as error:
            self._part(group, error)
        except _UNCERTAIN as error:
            for one in group:
                one.error = error if one is group[0] else _again(error)
        except Exception as error:  # noqa: BLE001  raised where it belongs
            self._part(group, error)
        else:
            for one, result in zip(group, results, strict=True):
                one.result = result

    def _part(self, group: Sequence[_Seat[Job, Result]], error: Exception) -> None:
        """Let each go by itself, now that one of them has kept all from it."""
        if len(group) == 1:
            group[0].error = error
            return
        for one in group:
            one.is_alone = True

    def _call_next(self) -> None:
        with self._lock:
            if not self._waiting:
                self._is_led = False
                return
            seat = self._waiting.popleft()
            seat.leads = True
        seat.is_called.set()


def _again(error: Exception) -> Unavailable:
    unavailable = Unavailable()
    unavailable.__cause__ = error
    return unavailable
