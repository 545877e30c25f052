"""Move long computations and blocking calls off gevent's hub.

Under gevent one thread runs every client of a process: a key derivation or an fsync
there stops them all. What releases the interpreter lock belongs in a real thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, ParamSpec, TypeVar, cast

from gevent import get_hub
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


def beside_hub(
    work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Callable[[], Result]:
    """Begin ``work`` in a real thread, and return what waits for its result.

    For what goes on while the caller does something else, such as hashing one piece while the
    next one arrives. The caller waits for it in any case: what the work uses is in use until
    then. Otherwise as :func:`off_hub`.
    """
    if not is_module_patched("threading"):
        result = work(*args, **kwargs)
        return lambda: result
    task = get_hub().threadpool.spawn(_attempt, work, args, kwargs)

    def wait() -> Result:
        outcome: _Outcome[Result] = task.get()
        if outcome.error is not None:
            raise outcome.error
        return cast("Result", outcome.result)

    return wait


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
