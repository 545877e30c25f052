"""Images as files, made without a network and without any tool: OCI image layouts."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import secrets
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.clients.oci.wire import INDEX, MANIFEST

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, kw_only=True)
class Content:
    """Bytes, and what they are."""

    media_type: str
    content: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """What they are known by."""
        return f"sha256:{hashlib.sha256(self.content).hexdigest()}"

    @property
    def descriptor(self) -> dict[str, Any]:
        """How a manifest mentions them."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.content)}


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image for one platform."""

    architecture: str
    layers: tuple[Content, ...]

    @property
    def platform(self) -> dict[str, str]:
        """Where it runs."""
        return {"architecture": self.architecture, "os": "linux"}

    @property
    def config(self) -> Content:
        """Its configuration."""
        unpacked = [gzip.decompress(layer.content) for layer in self.layers]
        ids = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in unpacked]
        content = {
            **self.platform,
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": ids},
            "history": [{"created_by": "a test"} for _ in ids],
        }
        return Content(media_type=CONFIG, content=json.dumps(content).encode())

    @property
    def manifest(self) -> Content:
        """Its manifest."""
        content = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.config.descriptor,
            "layers": [layer.descriptor for layer in self.layers],
        }
        return Content(media_type=MANIFEST, content=json.dumps(content).encode())

    def parts(self) -> list[Content]:
        """Return all that it consists of; what mentions others comes last."""
        return [*self.layers, self.config, self.manifest]


@dataclass(frozen=True, kw_only=True)
class MultiPlatform:
    """The same for several platforms."""

    images: tuple[Image, ...]

    @property
    def manifest(self) -> Content:
        """Its index."""
        content = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [
                {**image.manifest.descriptor, "platform": image.platform} for image in self.images
            ],
        }
        return Content(media_type=INDEX, content=json.dumps(content).encode())

    def parts(self) -> list[Content]:
        """Return all that it consists of; what mentions others comes last."""
        return [*(part for image in self.images for part in image.parts()), self.manifest]


def new_layer(size_bytes: int = 4 * KIB) -> Content:
    """Make a layer of one file that nobody has seen before, of about this size."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo(f"file-{secrets.token_hex(4)}")
        entry.size = size_bytes
        archive.addfile(entry, io.BytesIO(secrets.token_bytes(size_bytes)))
    return Content(media_type=LAYER, content=gzip.compress(plain.getvalue(), 0, mtime=0))


def new_image(*layers: Content, architecture: str = "amd64") -> Image:
    """Make an image of these layers, and of one of its own."""
    return Image(architecture=architecture, layers=(*layers, new_layer()))


def new_multi_platform() -> MultiPlatform:
    """Make an image for two platforms that share a layer."""
    shared = new_layer()
    both = (new_image(shared, architecture=one) for one in ("amd64", "arm64"))
    return MultiPlatform(images=tuple(both))


def write_layout(folder: Path, tagged: Mapping[str, Image | MultiPlatform]) -> Path:
    """Write images as an OCI image layout; returns the folder."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)
    entries = []
    for tag, image in tagged.items():
        for part in image.parts():
            (blobs / part.digest.partition(":")[2]).write_bytes(part.content)
        annotations = {"org.opencontainers.image.ref.name": tag}
        entries.append({**image.manifest.descriptor, "annotations": annotations})
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    (folder / "index.json").write_text(json.dumps(index))
    (folder / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
    return folder
