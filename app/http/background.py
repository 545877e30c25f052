"""What a web process does beside answering: it holds its lease, and writes what it noted."""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING, cast

import structlog
from pymongo.errors import PyMongoError

from app.auth import last_use
from app.errors import Unavailable
from app.extensions import bind, store

if TYPE_CHECKING:
    from flask import Flask

    from app.coherence import Coherence

log = structlog.get_logger(__name__)

_FLUSHING = "last_use_flushing"


class _Flushing:
    """Writes when tokens were last used, every few seconds and once more at the end."""

    def __init__(self, app: Flask) -> None:
        self._app = app
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
            is_last = self._stopping.wait(last_use.INTERVAL_SECONDS)
            try:
                with self._app.app_context():
                    last_use.flush()
            except PyMongoError as error:
                log.warning("token_use.not_written", error=repr(error))


def start(app: Flask) -> None:
    """Begin, in a process that serves requests."""
    _prepare_store(app)
    _coherence(app).start()
    flushing = _Flushing(app)
    bind(app, _FLUSHING, flushing)
    flushing.start()


def _prepare_store(app: Flask) -> None:
    """Connect to the store, and make its bucket, before the first client has to wait for it."""
    with app.app_context():
        try:
            store.check()
        except Unavailable as error:
            log.warning("store.unavailable", error=str(error), cause=repr(error.__cause__))


def stop(app: Flask) -> None:
    """End, when the last request was answered."""
    cast("_Flushing", app.extensions[f"packhouse.{_FLUSHING}"]).stop()
    _coherence(app).stop()


def _coherence(app: Flask) -> Coherence:
    return cast("Coherence", app.extensions["packhouse.coherence"])
