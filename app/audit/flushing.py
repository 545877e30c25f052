"""Move events from where they wait into the chain."""

from __future__ import annotations

import structlog

from app.audit import buffer, chain
from app.errors import Unavailable
from app.models.connection import UNREACHABLE

log = structlog.get_logger(__name__)

_BATCH = 500
_MOST_PER_CALL = 10_000


def flush(limit: int = _MOST_PER_CALL) -> int:
    """Append to the chain what waits, oldest first; at most ``limit`` events.

    Nothing is removed from where it waits before the chain holds it. A flush that dies at
    any line is finished by the next one, and any number may run at once.

    Returns:
        How many events were appended.

    Raises:
        Unavailable: Redis or MongoDB does not answer. Nothing is lost.
    """
    appended = 0
    while appended < limit and (batch := buffer.oldest(min(_BATCH, limit - appended))):
        try:
            appended += chain.extend([one.content for one in batch])
            last = chain.note_end()
        except UNREACHABLE as error:
            raise Unavailable from error
        buffer.forget(batch)
        # Where logs are kept elsewhere, each of these lines is an anchor to verify against.
        log.info("audit.flushed", events=len(batch), seq=last.seq, hash=last.hash)
    return appended
