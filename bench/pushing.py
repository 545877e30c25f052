"""Pushes blobs and manifests over the wire, in each of the ways that clients have."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bench.client import Unexpected
from bench.images import MANIFEST
from bench.packages import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.client import Client, Reply
    from bench.images import Blob, Image

_CHUNK_BYTES = 16 * MIB


class Way(StrEnum):
    """How a blob is sent."""

    WHOLE = "whole"  # POST, PUT: containerd, BuildKit, oras, helm
    STREAMED = "streamed"  # POST, one PATCH without a length, PUT: Docker, podman, crane
    CHUNKED = "chunked"  # POST, a PATCH with its range for each 16 MiB, PUT: regctl


def push_image(client: Client, name: str, image: Image, tag: str) -> None:
    """Push all parts of an image.

    Raises:
        Unexpected: one was not accepted.
    """
    for blob in (*image.layers, image.config):
        push_blob(client, name, blob, Way.WHOLE)
    push_manifest(client, name, image, tag)


def push_manifest(client: Client, name: str, image: Image, tag: str) -> None:
    """Push the manifest of an image whose blobs are there.

    Raises:
        Unexpected: it was not accepted.
    """
    client.put(f"/{name}/manifests/{tag}", image.manifest, {"Content-Type": MANIFEST})


def push_blob(client: Client, name: str, blob: Blob, way: Way) -> None:
    """Push one blob.

    Raises:
        Unexpected: it was not accepted.
    """
    started = _send(client, "POST", f"/{name}/blobs/uploads/", None, {})
    at = _location(client, started)
    if way is Way.STREAMED:
        at = _location(client, _send(client, "PATCH", at, blob.pieces(), {}))
    elif way is Way.CHUNKED:
        for first, chunk in _chunks(blob):
            headers = {
                "Content-Range": f"{first}-{first + len(chunk) - 1}",
                "Content-Type": "application/octet-stream",
            }
            at = _location(client, _send(client, "PATCH", at, chunk, headers))
    finish = f"{at}{'&' if '?' in at else '?'}digest={blob.digest}"
    if way is Way.WHOLE:
        headers = {
            "Content-Length": str(blob.size_bytes),
            "Content-Type": "application/octet-stream",
        }
        _send(client, "PUT", finish, blob.pieces(), headers)
    else:
        _send(client, "PUT", finish, b"", {})


def _send(
    client: Client,
    method: str,
    path: str,
    body: bytes | Iterator[bytes] | None,
    headers: Mapping[str, str],
) -> Reply:
    reply = client.ask(method, path, body, headers)
    if reply.status not in {201, 202}:
        raise Unexpected(f"{method} {path} was answered {reply.status}: {reply.body[:200]!r}")
    return reply


def _location(client: Client, reply: Reply) -> str:
    """Return where an upload goes on, below the client's base URL."""
    parts = urlsplit(reply.headers["location"])
    path = parts.path.removeprefix(client.base_path)
    return f"{path}?{parts.query}" if parts.query else path


def _chunks(blob: Blob) -> Iterator[tuple[int, bytes]]:
    """Return the offset and the content of each chunk."""
    first, chunk = 0, bytearray()
    for piece in blob.pieces():
        chunk += piece
        if len(chunk) >= _CHUNK_BYTES:
            yield first, bytes(chunk)
            first, chunk = first + len(chunk), bytearray()
    if chunk:
        yield first, bytes(chunk)
