"""Move long computations and blocking calls off gevent's hub.

Under gevent one thread runs every client of a process: a key derivation or an fsync
there stops them all. What releases the interpreter lock belongs in a real thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, ParamSpec, TypeVar, cast

from gevent import get_hub
from gevent.event import AsyncResult
from gevent.monkey import is_module_patched

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def off_hub(
    work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """Run ``work`` in a real thread of gevent's pool and wait for it, letting others run.

    In a process that gevent does not run (a Celery worker, a command) it is called
    directly. ``work`` must not touch sockets, locks or clients that gevent patched.
    """
    if not is_module_patched("threading"):
        return work(*args, **kwargs)
    outcome: _Outcome[Result] = get_hub().threadpool.apply(_attempt, (work, args, kwargs))
    if outcome.error is not None:
        raise outcome.error
    return cast("Result", outcome.result)


class Beside(Generic[Result]):
    """Work that goes on in a real thread while its beginner does something else.

    The beginner waits for it in any case: what the work uses is in use until then.
    """

    def __init__(self, task: AsyncResult | None, outcome: _Outcome[Result] | None = None) -> None:
        self._task = task
        self._outcome = outcome

    @property
    def is_done(self) -> bool:
        """Whether waiting would take no time."""
        return self._task is None or bool(self._task.ready())

    def wait(self) -> Result:
        """Return the result, or raise what the work raised."""
        if self._task is not None:
            self._outcome, self._task = self._task.get(), None
        outcome = cast("_Outcome[Result]", self._outcome)
        if outcome.error is not None:
            raise outcome.error
        return cast("Result", outcome.result)


def beside_hub(
    work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Beside[Result]:
    """Begin ``work`` in a real thread, as :func:`off_hub` would run it.

    In a process that gevent does not run it is done when this returns.
    """
    if not is_module_patched("threading"):
        return Beside(None, _attempt(work, args, kwargs))
    return Beside(get_hub().threadpool.spawn(_attempt, work, args, kwargs))


@dataclass(frozen=True)
class _Outcome(Generic[Result]):
    result: Result | None = None
    error: BaseException | None = None


def _attempt(
    work: Callable[..., Result], args: tuple[object, ...], kwargs: dict[str, object]
) -> _Outcome[Result]:
    """Call ``work``; gevent prints a traceback for whatever its threads let escape."""
    try:
        return _Outcome(result=work(*args, **kwargs))
    except BaseException as error:  # noqa: BLE001  raised again where it is waited for
        return _Outcome(error=error)
