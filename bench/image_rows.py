"""The rows of the table about images."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bench import docker_registry
from bench.client import Unexpected
from bench.images import CONFIG, MANIFEST, image_of, named_blob, new_blob
from bench.load import drive_clients, summed_up
from bench.packages import KIB, MIB
from bench.pushing import Way, push_blob
from bench.rows import Download, Heads, Read, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.client import Client
    from bench.images import Blob, Image
    from bench.load import Run
    from bench.peer import Peer
    from bench.programs import Program
    from bench.rows import Row, Tools

NAME = "app"
TAGGED = "tagged"
"""The name with many tags."""
PULLED = "pulled"
"""The name of what skopeo pulls."""
TAG = "1"
_GZIPPED = "application/vnd.oci.image.layer.v1.tar+gzip"
_LAYERS = 5
_SKOPEO_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How large things are; a quick run has smaller ones."""

    medium_mib: int = 10
    shared_mib: int = 100
    large_mib: int = 500
    layer_mib: int = 20
    tags: int = 1000

    def blobs(self) -> dict[str, Blob]:
        """Return the blobs that are read, by what rows call them."""
        small = {"1 KiB": named_blob("1 KiB", KIB)}
        sizes = (self.medium_mib, self.shared_mib, self.large_mib)
        return small | {f"{mib} MiB": named_blob(f"{mib} MiB", mib * MIB) for mib in sizes}

    def image(self) -> Image:
        """Return the image whose manifest is read."""
        return image_of(list(self.blobs().values())[:1])


@dataclass(frozen=True, kw_only=True)
class Push:
    """Blobs that are not there yet; a file server just stores what it is sent."""

    title: str
    size_mib: int
    way: Way
    connections: int = 1
    aims: Mapping[str, float] = field(default_factory=dict)

    def measure(self, peer: Peer, tools: Tools) -> Run:
        """See :class:`bench.rows.Row`."""
        if self.way is Way.CHUNKED and not peer.is_registry:
            raise Unavailable("takes no chunks")
        count = max(1, 1000 // self.size_mib) * tools.seconds
        acts = iter([self._pushing(peer) for _ in range(count)])
        return drive_clients(peer.client, acts, self.connections, tools.seconds)

    def _pushing(self, peer: Peer) -> Callable[[Client], None]:
        blob = new_blob(self.size_mib * MIB)
        length = {"Content-Length": str(blob.size_bytes)} if self.way is Way.WHOLE else {}
        blob.digest  # noqa: B018  hashes the filler now, and not while the clock runs

        def push(client: Client) -> None:
            if peer.is_registry:
                push_blob(client, "pushed", blob, self.way)
            else:
                client.put(f"/uploads/{uuid.uuid4()}", blob.pieces(), length)

        return push


@dataclass(frozen=True, kw_only=True)
class SkopeoPush:
    """A whole client pushes an image that is not there yet."""

    title: str
    layer_mib: int
    aims: Mapping[str, float] = field(default_factory=dict)

    def measure(self, peer: Peer, tools: Tools) -> Run:
        """See :class:`bench.rows.Row`."""
        skopeo = _skopeo_of(tools)
        if not peer.is_registry:
            raise Unavailable("takes no pushes")
        with tempfile.TemporaryDirectory(prefix="push-", dir=tools.scratch) as folder:
            write_layout(Path(folder), self.layer_mib)
            target = remote(peer, f"new-{uuid.uuid4().hex}")
            return copy(skopeo, peer, f"oci:{folder}:{TAG}", target)


@dataclass(frozen=True, kw_only=True)
class SkopeoPull:
    """A whole client pulls an image."""

    title: str
    aims: Mapping[str, float] = field(default_factory=dict)

    def measure(self, peer: Peer, tools: Tools) -> Run:
        """See :class:`bench.rows.Row`."""
        skopeo = _skopeo_of(tools)
        with tempfile.TemporaryDirectory(prefix="pull-", dir=tools.scratch) as folder:
            return copy(skopeo, peer, remote(peer, PULLED), f"dir:{folder}")


def _skopeo_of(tools: Tools) -> Program:
    if tools.skopeo is None:
        raise Unavailable("no skopeo")
    return tools.skopeo


def remote(peer: Peer, name: str) -> str:
    """Return what skopeo calls an image."""
    parts = urlsplit(peer.base_url)
    return f"docker://{parts.netloc}{parts.path.removeprefix('/v2')}/{name}:{TAG}"


def copy(skopeo: Program, peer: Peer, source: str, target: str) -> Run:
    """Copy an image with skopeo.

    Raises:
        Unexpected: it failed.
    """
    access = [f"--{side}-tls-verify=false" for side in ("src", "dest")]
    for side, name in (("src", source), ("dest", target)):
        if name.startswith("docker:"):
            who = peer.credentials
            access.append(f"--{side}-no-creds" if who is None else f"--{side}-creds={who}")
    started = time.perf_counter()
    result = subprocess.run(
        [*skopeo.argv, "--insecure-policy", "copy", *access, source, target],
        capture_output=True,
        text=True,
        check=False,
        timeout=_SKOPEO_SECONDS,
    )
    seconds = time.perf_counter() - started
    if result.returncode:
        raise Unexpected(f"skopeo: {result.stderr.strip()[-300:]}")
    return summed_up([seconds], seconds)


def write_layout(folder: Path, layer_mib: int) -> None:
    """Write an image of some layers that nobody has seen before as an OCI image layout.

    The layers are packed, without being made smaller: skopeo packs what is not.
    """
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)

    def add(media_type: str, content: bytes) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    layers, ids = [], []
    for _ in range(_LAYERS):
        plain = b"".join(new_blob(layer_mib * MIB).pieces())
        ids.append(f"sha256:{hashlib.sha256(plain).hexdigest()}")
        layers.append(add(_GZIPPED, gzip.compress(plain, 0)))
    rootfs = {"type": "layers", "diff_ids": ids}
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": add(CONFIG, json.dumps(config).encode()),
        "layers": layers,
    }
    entry = add(MANIFEST, json.dumps(manifest).encode())
    entry["annotations"] = {"org.opencontainers.image.ref.name": TAG}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (folder / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))


def image_rows(sizes: Sizes) -> tuple[Row, ...]:
    """Return every row of the table, in its order."""
    return (*_manifests(sizes), *_blobs(sizes), *_pushes(sizes), *_whole_clients(sizes))


def _manifests(sizes: Sizes) -> list[Row]:
    twice = {docker_registry.NAME: 2}
    rows: list[Row] = []
    for what, reference in (("tag", TAG), ("digest", sizes.image().digest)):
        path = f"/{NAME}/manifests/{reference}"
        for kind, verb in ((Read, "GET"), (Heads, "HEAD")):
            rows += [
                kind(
                    title=f"manifest by {what}, {verb}, c{count}",
                    path=path,
                    connections=count,
                    headers={"Accept": MANIFEST},
                    aims=twice,
                )
                for count in (1, 16)
            ]
    rows += [
        Read(
            title=f"{sizes.tags} tags, c{count}",
            path=f"/{TAGGED}/tags/list",
            connections=count,
            aims=twice,
        )
        for count in (1, 16)
    ]
    return rows


def _blobs(sizes: Sizes) -> list[Row]:
    twice, somewhat = {docker_registry.NAME: 2}, {docker_registry.NAME: 1.2}
    (tiny, small), *others = sizes.blobs().items()
    rows: list[Row] = [
        Read(
            title=f"blob, {tiny}, c{count}",
            path=f"/{NAME}/blobs/{small.digest}",
            connections=count,
            aims=twice,
        )
        for count in (1, 16)
    ]
    return rows + [
        Download(
            title=f"blob, {title}, c{count}",
            path=f"/{NAME}/blobs/{blob.digest}",
            connections=count,
            aims=somewhat,
        )
        for (title, blob), count in zip(others, (1, 8, 1), strict=True)
    ]


def _pushes(sizes: Sizes) -> list[Row]:
    thrice = {docker_registry.NAME: 3}
    return [
        Push(title=f"push, {mib} MiB, {way}", size_mib=mib, way=way, aims=thrice)
        for mib in (sizes.medium_mib, sizes.large_mib)
        for way in Way
    ]


def _whole_clients(sizes: Sizes) -> list[Row]:
    image = f"{_LAYERS} x {sizes.layer_mib} MiB"
    return [
        SkopeoPush(title=f"skopeo pushes {image}", layer_mib=sizes.layer_mib),
        SkopeoPull(title=f"skopeo pulls {image}"),
    ]
