"""Move long computations and blocking calls off gevent's hub.

Under gevent one thread runs every client of a process: a key derivation or an fsync
there stops them all. What releases the interpreter lock belongs in a real thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

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
    result: Result = get_hub().threadpool.apply(work, args, kwargs)
    return result
