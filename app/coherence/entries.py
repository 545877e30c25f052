"""A bounded store of values, each filed under what it depends on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable

_OVERHEAD_BYTES = 512
"""What an entry costs beside its value: itself, its key, its place under each tag."""


class Entry:
    """A value with what it depends on and until when it may be used.

    Attributes:
        is_wanted: it was used since its eviction was last considered.
    """

    __slots__ = ("is_wanted", "key", "size_bytes", "tags", "usable_until", "value")

    def __init__(
        self,
        key: Hashable,
        value: object,
        tags: frozenset[str],
        usable_until: float,
        size_bytes: int,
    ) -> None:
        self.key = key
        self.value = value
        self.tags = tags
        self.usable_until = usable_until
        self.size_bytes = size_bytes + _OVERHEAD_BYTES
        self.is_wanted = False


class Entries:
    """Entries by key and by tag, within a number of bytes.

    What was not used for longest makes room, approximately: the first in the queue goes,
    or stands in line once more if it was used since it did so last. So a hit costs no more
    than a flag. ``get`` may be called by any thread, all else by one at a time.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._by_key: OrderedDict[Hashable, Entry] = OrderedDict()
        self._by_tag: dict[str, set[Hashable]] = {}
        self.size_bytes = 0
        self.get = self._by_key.get

    def put(self, entry: Entry) -> bool:
        """Keep ``entry`` in place of one with its key; return whether there is room for it."""
        self._remove(entry.key)
        if entry.size_bytes > self._limit_bytes:
            return False
        while self.size_bytes + entry.size_bytes > self._limit_bytes:
            self._consider_the_first()
        self._by_key[entry.key] = entry
        self.size_bytes += entry.size_bytes
        for tag in entry.tags:
            self._by_tag.setdefault(tag, set()).add(entry.key)
        return True

    def drop(self, tags: Iterable[str]) -> int:
        """Remove all that depends on any of ``tags``; return how many entries that were."""
        keys = set().union(*(self._by_tag.get(tag, ()) for tag in tags))
        for key in keys:
            self._remove(key)
        return len(keys)

    def clear(self) -> None:
        """Remove everything."""
        self._by_key.clear()
        self._by_tag.clear()
        self.size_bytes = 0

    def _consider_the_first(self) -> None:
        first = next(iter(self._by_key.values()))
        if first.is_wanted:
            first.is_wanted = False
            self._by_key.move_to_end(first.key)
        else:
            self._remove(first.key)

    def _remove(self, key: Hashable) -> None:
        entry = self._by_key.pop(key, None)
        if entry is None:
            return
        self.size_bytes -= entry.size_bytes
        for tag in entry.tags:
            keys = self._by_tag[tag]
            keys.discard(key)
            if not keys:
                del self._by_tag[tag]
