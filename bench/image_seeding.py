"""Gives every server the same images."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bench.image_rows import NAME, PULLED, TAG, TAGGED, Sizes, copy, remote, write_layout
from bench.load import drive_clients
from bench.nginx import FILES
from bench.pushing import Way, push_blob, push_image, push_manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.client import Client
    from bench.peer import Peer
    from bench.programs import Program

_LOADING_CONNECTIONS = 8
_NO_LIMIT = float("inf")


def push_everything(peer: Peer, sizes: Sizes) -> None:
    """Push what the rows read, over the wire.

    Raises:
        Unexpected: something was not accepted.
    """
    image = sizes.image()
    with peer.client() as client:
        for blob in sizes.blobs().values():
            push_blob(client, NAME, blob, Way.WHOLE)
        push_image(client, NAME, image, TAG)
        push_image(client, TAGGED, image, _tag(0))

    def tagging(number: int) -> Callable[[Client], None]:
        return lambda client: push_manifest(client, TAGGED, image, _tag(number))

    drive_clients(peer.client, map(tagging, range(1, sizes.tags)), _LOADING_CONNECTIONS, _NO_LIMIT)


def lay_out_as_files(base_url: str, files: Path, sizes: Sizes) -> None:
    """Lay out for nginx what the registries were given, at the paths that clients ask for."""
    image = sizes.image()
    root = _root(files, base_url)
    for blob in (*sizes.blobs().values(), image.config):
        file = _made(root / NAME / "blobs" / blob.digest)
        with file.open("wb") as written:
            written.writelines(blob.pieces())
    for reference in (TAG, image.digest):
        _made(root / NAME / "manifests" / reference).write_bytes(image.manifest)
    tags = {"name": TAGGED, "tags": [_tag(number) for number in range(sizes.tags)]}
    _made(root / TAGGED / "tags/list").write_text(json.dumps(tags))


def push_for_skopeo(skopeo: Program, peers: list[Peer], files: Path, sizes: Sizes) -> None:
    """Give every server one image to pull; a file server finds it in its folder.

    Args:
        skopeo: pushes it.
        peers: all servers.
        files: the folder of a file server.
        sizes: of its layers.

    Raises:
        Unexpected: skopeo failed.
    """
    with tempfile.TemporaryDirectory(prefix="layout-", dir=files.parent) as name:
        layout = Path(name)
        write_layout(layout, sizes.layer_mib)
        for peer in peers:
            if peer.is_registry:
                copy(skopeo, peer, f"oci:{layout}:{TAG}", remote(peer, PULLED))
            else:
                _link(layout, _root(files, peer.base_url) / PULLED)


def _link(layout: Path, folder: Path) -> None:
    for file in (layout / "blobs/sha256").iterdir():
        _made(folder / "blobs" / f"sha256:{file.name}").hardlink_to(file)
    digest = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
    manifest = layout / "blobs/sha256" / digest.partition(":")[2]
    _made(folder / "manifests" / TAG).hardlink_to(manifest)


def _root(files: Path, base_url: str) -> Path:
    """Return where a file server looks for what is below its base URL."""
    return files / FILES / urlsplit(base_url).path.removeprefix("/")


def _tag(number: int) -> str:
    return f"1.0.{number:04}"


def _made(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    return file
