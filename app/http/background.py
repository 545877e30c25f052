"""What a web process does beside answering.

It holds its lease, writes what it noted, and tidies up on its node.
"""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING, cast

import structlog
from pymongo.errors import PyMongoError

from app.auth import last_use
from app.errors import Unavailable
from app.extensions import bind, store
from app.http import metrics
from app.registry import download_counts, store_owner, sweeping

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from app.coherence import Coherence

log = structlog.get_logger(__name__)

_REPEATED = "repeated"
_STAGING_SWEPT_SECONDS = 900


class _Repeated:
    """Does something every so often, and once more at the end."""

    def __init__(
        self, app: Flask, work: Callable[[], object], *, every_seconds: float, failure: str
    ) -> None:
        self._app = app
        self._work = work
        self._every_seconds = every_seconds
        self._failure = failure
        self._stopping = Event()
        self._thread = Thread(target=self._repeat, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _repeat(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._stopping.wait(self._every_seconds)
            try:
                with self._app.app_context():
                    self._work()
            except (PyMongoError, OSError) as error:
                log.warning(self._failure, error=repr(error))


def start(app: Flask) -> None:
    """Begin, in a process that serves requests."""
    _prepare_store(app)
    _coherence(app).start()
    repeated = (
        _Repeated(
            app,
            last_use.flush,
            every_seconds=last_use.INTERVAL_SECONDS,
            failure="token_use.not_written",
        ),
        _Repeated(
            app,
            download_counts.send,
            every_seconds=download_counts.INTERVAL_SECONDS,
            failure="downloads.not_sent",
        ),
        # Staging is on this node's disk, where no worker may ever come.
        _Repeated(
            app,
            sweeping.sweep_staging,
            every_seconds=_STAGING_SWEPT_SECONDS,
            failure="staging.not_swept",
        ),
        _Repeated(
            app, metrics.flush, every_seconds=metrics.FLUSH_SECONDS, failure="metrics.not_written"
        ),
    )
    bind(app, _REPEATED, repeated)
    for one in repeated:
        one.start()


def _prepare_store(app: Flask) -> None:
    """Connect to the store, make its bucket, and take it while it is empty.

    Before the first client has to wait for it, and before the first object is there.
    """
    with app.app_context():
        try:
            store.check()
            store_owner.take()
        except (Unavailable, PyMongoError) as error:
            log.warning("store.unavailable", error=str(error), cause=repr(error.__cause__))
        except store_owner.StoreNotOurs as error:
            log.error("store.not_ours", reason=str(error))  # noqa: TRY400  it says all


def stop(app: Flask) -> None:
    """End, when the last request was answered."""
    for one in cast("tuple[_Repeated, ...]", app.extensions[f"packhouse.{_REPEATED}"]):
        one.stop()
    _coherence(app).stop()


def _coherence(app: Flask) -> Coherence:
    return cast("Coherence", app.extensions["packhouse.coherence"])
