"""Digests of an upload, computed while its bytes pass.

A hash that is half done cannot be written down. The process that saw all bytes so far
keeps it for the next request, which most clients send on the same connection; any other
process knows the finished digests only, and if more bytes follow they are read again.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import current_app

from app.offload import Beside, beside_hub

if TYPE_CHECKING:
    from hashlib import _Hash

_KEPT = "packhouse.oci_hashes"
_MOST_KEPT = 500
_WORTH_A_THREAD_BYTES = 64 * 1024

_Hashes = dict[str, "_Hash"]


@dataclass(frozen=True, kw_only=True)
class Hashing:
    """Hexadecimal digests; SHA-512 only where it was asked for."""

    sha256: str
    sha512: str = ""

    def of(self, algorithm: str) -> str:
        """Return one of them; empty where it is not known."""
        return self.sha512 if algorithm == "sha512" else self.sha256


class PassingHashes:
    """Follows the bytes of one request; knows nothing where it has not seen all before them."""

    def __init__(self, hashes: _Hashes | None, size_bytes: int) -> None:
        self._hashes = hashes
        self._size_bytes = size_bytes
        self.added_bytes = 0

    @classmethod
    def following(cls, upload_id: str, size_bytes: int, *, with_sha512: bool) -> PassingHashes:
        """Go on where a request of this process left an upload, or begin with an empty one."""
        if not size_bytes:
            names = ("sha256", "sha512") if with_sha512 else ("sha256",)
            return cls({name: hashlib.new(name) for name in names}, 0)
        kept = _kept().get((upload_id, size_bytes))
        return cls(kept and {name: one.copy() for name, one in kept.items()}, size_bytes)

    def begin_update(self, piece: bytes) -> Beside[None] | None:
        """Begin to take the next bytes in; returns what to wait for before anything else."""
        self.added_bytes += len(piece)
        if self._hashes is not None and len(piece) >= _WORTH_A_THREAD_BYTES:
            return beside_hub(self._update, piece)
        self._update(piece)
        return None

    def _update(self, piece: bytes) -> None:
        for one in (self._hashes or {}).values():
            one.update(piece)

    def result(self) -> Hashing | None:
        """Return the digests of everything up to here."""
        if self._hashes is None:
            return None
        return Hashing(**{name: one.hexdigest() for name, one in self._hashes.items()})

    def keep(self, upload_id: str) -> None:
        """Let the next request go on from here."""
        if self._hashes is None:
            return
        kept = _kept()
        kept[upload_id, self._size_bytes + self.added_bytes] = self._hashes
        while len(kept) > _MOST_KEPT:
            kept.popitem(last=False)


def hash_again(pieces: Iterable[bytes], *, with_sha512: bool) -> Hashing:
    """Compute the digests of what is stored, letting others run meanwhile."""
    hashes = PassingHashes.following("", 0, with_sha512=with_sha512)
    hashing: Beside[None] | None = None
    for piece in pieces:
        if hashing is not None:
            hashing.wait()
        hashing = hashes.begin_update(piece)
    if hashing is not None:
        hashing.wait()
    return cast("Hashing", hashes.result())


def _kept() -> OrderedDict[tuple[str, int], _Hashes]:
    found: OrderedDict[tuple[str, int], _Hashes] = current_app.extensions.setdefault(
        _KEPT, OrderedDict()
    )
    return found
