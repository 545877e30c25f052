"""What processes remember is never older than an acknowledged change.

**Reads are local, writes pay.** A reading process uses its memory only while it holds a
lease. A change first puts up a fence around its tags: every holder of a lease forgets what
depends on them and says so, or has its lease revoked and run out; then the change is
committed, the fence is lifted, and the writer answers. So a hot read costs no round trip.

Why this is right is argued in ``docs/decisions/0002-reads-are-local-writes-pay.md``, which
names each step here. The parts, from the inside out:

- ``entries`` and ``fences``: a bounded store, and which tags were fenced since when;
- ``memory``: the two under a lease, the only state that readers see;
- ``bus`` (in Redis: ``redis_bus``) and ``charter``: the steps between processes;
- ``holder`` and ``writer``: the two sides of the protocol;
- ``coherence``: the door, for everyone else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.coherence.charter import CharterKeeper, MongoCharterStore
from app.coherence.clock import Clock, Timings
from app.coherence.coherence import Coherence
from app.coherence.holder import Holder
from app.coherence.memory import Memory
from app.coherence.recording import Recording
from app.coherence.redis_bus import RedisBus
from app.coherence.writer import Writer

if TYPE_CHECKING:
    from pymongo.database import Database
    from redis import Redis

    from config.settings import Settings

__all__ = ["Coherence", "Recording", "Timings", "create_coherence"]


def create_coherence(
    settings: Settings, redis: Redis, database: Database[dict[str, Any]]
) -> Coherence:
    """Return this process's coherence over the given servers; connects to nothing yet.

    Args:
        settings: ``redis_prefix`` and ``memory_cache_bytes``.
        redis: a client whose server and credentials are taken over, not its connections.
        database: where the charter is kept.
    """
    clock, timings = Clock(), Timings()
    bus = RedisBus(redis, settings.redis_prefix, fence_seconds=timings.fence)
    charters = CharterKeeper(MongoCharterStore(database), bus, clock, timings)
    memory = Memory(settings.memory_cache_bytes, clock, timings)
    holder = Holder(bus, charters, memory, clock, timings)
    return Coherence(memory, holder, Writer(bus, charters, clock, timings), clock, timings)
