"""Subresource integrity: the digests that clients announce and lockfiles pin.

Spec: W3C Subresource Integrity, "Integrity metadata"; npm writes the same form.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from app.errors import DigestMismatch, InvalidInput
from app.storage.base import PIECE_BYTES, Staged

_MAX_INTEGRITY_LENGTH = 4096
_SHASUM = re.compile(r"[0-9a-fA-F]{40}")
_HASH = re.compile(r"(?P<algorithm>[a-z0-9]+)-(?P<digest>[A-Za-z0-9+/]+={0,2})(?:\?[\x21-\x7e]*)?")
_ALGORITHMS = frozenset({"sha1", "sha256", "sha384", "sha512"})


def integrity_of(sha512: str) -> str:
    """Write a hexadecimal SHA-512 as clients expect it in ``dist.integrity``."""
    return "sha512-" + base64.b64encode(bytes.fromhex(sha512)).decode("ascii")


def require_shasum(shasum: str, staged: Staged) -> None:
    """Check the hexadecimal SHA-1 that a client announced.

    Raises:
        InvalidInput: it is not one.
        DigestMismatch: it is another one.
    """
    if not _SHASUM.fullmatch(shasum):
        raise InvalidInput("dist.shasum must be a SHA-1 of 40 hexadecimal digits.")
    if shasum.lower() != _digest(staged, "sha1").hex():
        raise _mismatch("dist.shasum")


def require_integrity(integrity: str, staged: Staged) -> None:
    """Check every digest that a client announced, each algorithm by itself.

    Of several digests of one algorithm, one has to be right. Algorithms that nobody here
    knows are passed over.

    Raises:
        InvalidInput: it is not an integrity string.
        DigestMismatch: the bytes are others.
    """
    announced: dict[str, set[bytes]] = {}
    for word in integrity.split() if len(integrity) <= _MAX_INTEGRITY_LENGTH else ("",):
        match = _HASH.fullmatch(word)
        if match is None:
            raise _malformed()
        if match["algorithm"] in _ALGORITHMS:
            announced.setdefault(match["algorithm"], set()).add(_decode(match))
    for algorithm, digests in announced.items():
        if _digest(staged, algorithm) not in digests:
            raise _mismatch("dist.integrity")


def _decode(match: re.Match[str]) -> bytes:
    try:
        digest = base64.b64decode(match["digest"], validate=True)
    except binascii.Error as error:
        raise _malformed() from error
    if len(digest) != hashlib.new(match["algorithm"], usedforsecurity=False).digest_size:
        raise _malformed()
    return digest


def _digest(staged: Staged, algorithm: str) -> bytes:
    """Return a digest that staging computed on the way, or compute it from the staged bytes."""
    known: str = getattr(staged.digests, algorithm, "")
    if known:
        return bytes.fromhex(known)
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with staged.open() as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    return digest.digest()


def _malformed() -> InvalidInput:
    return InvalidInput("dist.integrity must be digests such as sha512-<base64>, between blanks.")


def _mismatch(field: str) -> DigestMismatch:
    return DigestMismatch(
        f"The tarball is not the one that {field} announces: it was changed or cut off on its "
        "way. Publish it again."
    )
