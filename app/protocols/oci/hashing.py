"""Digests of an upload, computed while its bytes pass.

A hash that is half done cannot be written down. The process that saw all bytes so far
keeps it for the next request, which most clients send on the same connection; any other
process knows the finished digests only, and if more bytes follow they are read again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from flask import current_app

from app.storage.hashing import PassingHashes

_KEPT = "packhouse.oci_hashes"
_MOST_KEPT = 500


@dataclass(frozen=True, kw_only=True)
class Hashing:
    """Hexadecimal digests; SHA-512 only where it was asked for."""

    sha256: str
    sha512: str = ""

    def of(self, algorithm: str) -> str:
        """Return one of them; empty where it is not known."""
        return self.sha512 if algorithm == "sha512" else self.sha256


class UploadHashes:
    """Follows the bytes of one request; knows nothing where it has not seen all before them."""

    def __init__(self, hashes: PassingHashes | None, size_bytes: int) -> None:
        self._hashes = hashes
        self._size_bytes = size_bytes
        self.added_bytes = 0

    @classmethod
    def following(cls, upload_id: str, size_bytes: int, *, with_sha512: bool) -> UploadHashes:
        """Go on where a request of this process left an upload, or begin with an empty one."""
        if not size_bytes:
            names = ("sha256", "sha512") if with_sha512 else ("sha256",)
            return cls(PassingHashes(names), 0)
        kept = _kept().get((upload_id, size_bytes))
        return cls(kept and kept.copy(), size_bytes)

    def update(self, piece: bytes) -> None:
        """Take the next bytes in."""
        self.added_bytes += len(piece)
        if self._hashes is not None:
            self._hashes.update(piece)

    def result(self) -> Hashing | None:
        """Return the digests of everything up to here."""
        return None if self._hashes is None else Hashing(**self._hashes.hexdigests())

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
    hashes = UploadHashes.following("", 0, with_sha512=with_sha512)
    for piece in pieces:
        hashes.update(piece)
    return cast("Hashing", hashes.result())


def _kept() -> OrderedDict[tuple[str, int], PassingHashes]:
    found: OrderedDict[tuple[str, int], PassingHashes] = current_app.extensions.setdefault(
        _KEPT, OrderedDict()
    )
    return found
