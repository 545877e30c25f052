"""Read long lists a page at a time, by the place where the last page ended.

Never by an offset: rows that come and go meanwhile neither repeat nor hide others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from bson import ObjectId
from pymongo.collection import Collection

Item = TypeVar("Item")
Shown = TypeVar("Shown")

Row = dict[str, Any]  # a document as MongoDB holds it
Key = str | int | datetime | ObjectId
Position = tuple[Key, ...]
"""An item's values in the fields that a list is ordered by, the last of them unique."""

UP, DOWN = 1, -1


@dataclass(frozen=True, kw_only=True)
class PageRequest:
    """Which part of a list is wanted.

    Attributes:
        after: the last item of the page before; none for the first page.
    """

    limit: int = 50
    after: Position | None = None


@dataclass(frozen=True, kw_only=True)
class Page(Generic[Item]):
    """One part of a list.

    Attributes:
        next: where the following page begins; none at the end.
    """

    items: Sequence[Item]
    next: Position | None = None

    def shown_as(self, show: Callable[[Sequence[Item]], Sequence[Shown]]) -> Page[Shown]:
        """Return the same part of the list in another form; ``show`` gets all items at once."""
        return Page(items=show(self.items), next=self.next)


def find_page(
    collection: Collection[Row],
    where: Row,
    order: Sequence[tuple[str, int]],
    page: PageRequest,
    *,
    without: Sequence[str] = (),
) -> Page[Row]:
    """Read one page of the rows that match, in an order.

    Args:
        collection: where they are.
        where: a MongoDB filter.
        order: fields, each with ``UP`` or ``DOWN``; every row has them, and the last one is
            unique among those that match. An index should begin with them.
        page: which part.
        without: fields that are not wanted.
    """
    wanted = where if page.after is None else {"$and": [where, _beyond(order, page.after)]}
    found = collection.find(wanted, dict.fromkeys(without, 0) or None)
    rows = list(found.sort(list(order)).limit(page.limit + 1))
    has_more = len(rows) > page.limit
    shown = rows[: page.limit]
    return Page(items=shown, next=tuple(shown[-1][name] for name, _ in order) if has_more else None)


def slice_page(
    items: Sequence[Item], position: Callable[[Item], Position], page: PageRequest
) -> Page[Item]:
    """Return one page of a short list that is in memory, in ascending order of ``position``."""
    ordered = sorted(items, key=position)
    after = page.after
    left = [one for one in ordered if after is None or position(one) > after]
    shown = left[: page.limit]
    return Page(items=shown, next=position(shown[-1]) if len(left) > len(shown) else None)


def _beyond(order: Sequence[tuple[str, int]], after: Position) -> Row:
    """Match the rows that follow a position: greater in the first field that differs.

    That none is less in the first field follows, and is what lets an index begin there.
    """
    first, direction = order[0]
    bound: Row = {first: {"$gte" if direction == UP else "$lte": after[0]}}
    alternatives = []
    for place, (name, direction) in enumerate(order):
        equal: Row = dict(zip((one for one, _ in order[:place]), after, strict=False))
        alternatives.append({**equal, name: {"$gt" if direction == UP else "$lt": after[place]}})
    return {**bound, "$or": alternatives}
