"""Show that the chain is whole, and hand it out so that others can."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from app.audit import chain
from app.audit.chain import START, Link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.models.audit import Row


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What a check of the whole chain found.

    Attributes:
        checked: how many events, from the first, were found as they were written.
        first_bad: the lowest ``seq`` at which the chain is not what it was: changed,
            missing, put in or moved; none where it is whole.
        last: the last good event: keep it elsewhere as an anchor for a later check.
    """

    valid: bool
    checked: int
    first_bad: int | None
    last: Link


def verify(anchor: Link | None = None) -> Verification:
    """Read the whole chain and check every event; in constant memory.

    Args:
        anchor: what ``last`` was at some earlier time, kept where nobody who can write to
            this database can change it. It is what shows a chain that was rewritten or
            cut off together with its head.
    """
    anchors = [one for one in (chain.noted_end(), anchor) if one is not None]
    last = START
    for row in chain.read():
        link = _link(row, after=last)
        if link is None or any(one.seq == link.seq and one != link for one in anchors):
            return _broken(last)
        last = link
    if chain.has_strays() or last.seq < max(one.seq for one in anchors):
        return _broken(last)
    return Verification(valid=True, checked=last.seq, first_bad=None, last=last)


def export(first: int = 1) -> Iterator[bytes]:
    """Yield every event from ``first`` on as a line of JSON, in constant memory."""
    for row in chain.read(first):
        yield line_of(row)


def line_of(row: Row) -> bytes:
    """Return a row's event as a line: its canonical JSON, ``hash`` included.

    It is exactly what is stored, also where that is not as it was written.
    """
    return orjson.dumps(
        chain.to_event(row),
        default=str,
        option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE,
    )


def _link(row: Row, after: Link) -> Link | None:
    """Return the row's link where it is as it was written and rightly follows ``after``."""
    event = chain.to_event(row)
    try:
        is_right = (
            len(event) == len(row)  # or two of its fields have one meaning
            and event["seq"] == after.seq + 1
            and event["prev_hash"] == after.hash
            and event["hash"] == chain.digest(event)
        )
    except (KeyError, TypeError):
        return None
    return Link(event["seq"], event["hash"]) if is_right else None


def _broken(last_good: Link) -> Verification:
    return Verification(
        valid=False, checked=last_good.seq, first_bad=last_good.seq + 1, last=last_good
    )
