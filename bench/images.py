"""What is pushed: blobs of any size that cost nothing to make, and images of them."""

from __future__ import annotations

import hashlib
import json
import random
import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bench.packages import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
_PIECE = random.Random("a piece of every blob").randbytes(MIB)


@dataclass(frozen=True, kw_only=True)
class Blob:
    """Filler, the same for all, and an end that makes it like no other.

    Attributes:
        end: its last bytes.
    """

    size_bytes: int
    end: bytes

    @property
    def digest(self) -> str:
        """What it is known by."""
        hashed = _hashed_filler(self.size_bytes - len(self.end)).copy()
        hashed.update(self.end)
        return f"sha256:{hashed.hexdigest()}"

    def pieces(self) -> Iterator[bytes]:
        """Return its content, a MiB at a time."""
        yield from _filler(self.size_bytes - len(self.end))
        yield self.end


@dataclass(frozen=True, kw_only=True)
class Image:
    """A configuration and layers."""

    config: Blob
    layers: tuple[Blob, ...]

    @property
    def manifest(self) -> bytes:
        """Its manifest."""
        content = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _descriptor(CONFIG, self.config),
            "layers": [_descriptor(LAYER, layer) for layer in self.layers],
        }
        return json.dumps(content).encode()

    @property
    def digest(self) -> str:
        """What its manifest is known by."""
        return f"sha256:{hashlib.sha256(self.manifest).hexdigest()}"


def named_blob(name: str, size_bytes: int) -> Blob:
    """Return a blob that is the same in each run."""
    return Blob(size_bytes=size_bytes, end=hashlib.sha256(name.encode()).digest())


def new_blob(size_bytes: int) -> Blob:
    """Return a blob that nobody has seen before."""
    return Blob(size_bytes=size_bytes, end=uuid.uuid4().bytes)


def image_of(layers: Sequence[Blob]) -> Image:
    """Return an image of these layers."""
    ids = [layer.digest for layer in layers]
    content = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": ids},
    }
    end = json.dumps(content).encode()
    return Image(config=Blob(size_bytes=len(end), end=end), layers=tuple(layers))


def _descriptor(media_type: str, blob: Blob) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": blob.digest, "size": blob.size_bytes}


def _filler(size_bytes: int) -> Iterator[bytes]:
    for _ in range(size_bytes // MIB):
        yield _PIECE
    yield _PIECE[: size_bytes % MIB]


@lru_cache(maxsize=16)
def _hashed_filler(size_bytes: int) -> hashlib._Hash:
    """Return the state after so much filler; callers copy it."""
    hashed = hashlib.sha256()
    for piece in _filler(size_bytes):
        hashed.update(piece)
    return hashed
