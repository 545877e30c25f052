"""How much, and how long, a client may ask of the server."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of one connection.

    Attributes:
        request_line_bytes: a longer first line is a 414.
        head_bytes, head_fields: a larger head is a 431.
        head_seconds: from a head's first byte to its last; also what a new connection has
            to send its first byte.
        first_request_seconds: what a new connection still has to send its first byte once the
            server stops.
        idle_seconds: a kept connection may rest so long between two requests.
        stall_seconds: a body, in either direction, may stand still so long. So may what
            stands between two chunks, as a whole.
        least_bytes_per_second: in as many seconds of waiting for it, a body that still moves
            has to move at this rate: a client could keep a connection for ever otherwise.
        skipped_bytes, skipped_seconds: what is read of a body that nobody wanted before the
            connection is closed. A client that is still sending sees the answer only if it
            gets to read before its own writing fails.
    """

    request_line_bytes: int = 8 * KIB
    head_bytes: int = 32 * KIB
    head_fields: int = 100
    head_seconds: float = 30
    first_request_seconds: float = 3
    idle_seconds: float = 75
    stall_seconds: float = 60
    least_bytes_per_second: int = KIB
    skipped_bytes: int = 16 * MIB
    skipped_seconds: float = 2
