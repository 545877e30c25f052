"""Digests of bytes that pass, computed in real threads while the next ones arrive."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from app.offload import Beside, beside_hub

if TYPE_CHECKING:
    from hashlib import _Hash

    _AnyHash = _Hash | hashlib.blake2b

BLAKE2B_256 = "blake2b_256"
_BLAKE2B_256_BYTES = 32
_SLOW = frozenset({"sha512", BLAKE2B_256})
"""What takes about as long as all the others together, and so gets a thread of its own."""
_WORTH_A_THREAD_BYTES = 64 * 1024
_MOST_GATHERED_BYTES = 512 * 1024


class PassingHashes:
    """Some digests of the same bytes.

    While some are being hashed their giver does something else, and the next ones gather.

    Args:
        algorithms: as ``hashlib`` calls them, and ``blake2b_256``.
    """

    def __init__(self, algorithms: Collection[str]) -> None:
        self._hashes = {name: _new_hash(name) for name in algorithms}
        self._going_on: list[Beside[None]] = []
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0

    def update(self, piece: bytes) -> None:
        """Take the next bytes in, waiting for earlier ones where many have gathered."""
        self._gathered.append(piece)
        self._gathered_bytes += len(piece)
        if self._gathered_bytes >= _MOST_GATHERED_BYTES or (
            self._gathered_bytes >= _WORTH_A_THREAD_BYTES
            and all(one.is_done for one in self._going_on)
        ):
            self._go_on()

    def hexdigests(self) -> dict[str, str]:
        """Return the digests of everything so far, by algorithm."""
        self._catch_up()
        return {name: one.hexdigest() for name, one in self._hashes.items()}

    def copy(self) -> PassingHashes:
        """Return one that goes on from here by itself."""
        self._catch_up()
        copied = PassingHashes(())
        copied._hashes = {name: one.copy() for name, one in self._hashes.items()}
        return copied

    def _catch_up(self) -> None:
        self._go_on()
        self._wait()

    def _go_on(self) -> None:
        """Begin with what has gathered, once all before it is done."""
        self._wait()
        pieces, size_bytes = self._gathered, self._gathered_bytes
        self._gathered, self._gathered_bytes = [], 0
        if size_bytes < _WORTH_A_THREAD_BYTES:
            _update(self._hashes.values(), pieces)
            return
        slow = [one for name, one in self._hashes.items() if name in _SLOW]
        fast = [one for name, one in self._hashes.items() if name not in _SLOW]
        self._going_on = [beside_hub(_update, some, pieces) for some in (slow, fast) if some]

    def _wait(self) -> None:
        while self._going_on:
            self._going_on.pop().wait()


def _new_hash(name: str) -> _AnyHash:
    if name == BLAKE2B_256:
        return hashlib.blake2b(digest_size=_BLAKE2B_256_BYTES)
    return hashlib.new(name, usedforsecurity=False)


def _update(hashes: Collection[_AnyHash], pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        for one in hashes:
            one.update(piece)
