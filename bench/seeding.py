"""Gives every server the same packages, over the wire by npm's own publish."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bench.client import Unexpected
from bench.load import drive_clients
from bench.nginx import FILES
from bench.packages import KIB, publish_body, version_number
from bench.rows import ABBREVIATED, FULL, GROWING, GROWN_VERSIONS, TARBALLS, VERSIONS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.client import Client
    from bench.peer import Peer

_SMALL_BYTES = 4 * KIB
_LOADING_CONNECTIONS = 8
_NO_LIMIT = float("inf")


def publish_everything(peer: Peer) -> None:
    """Publish the packages that the rows read, version after version.

    Raises:
        Unexpected: one was not accepted.
    """
    with peer.publishing_client() as client:
        for name, count in VERSIONS.items():
            for index in range(count):
                _publish(client, peer, name, version_number(index), _SMALL_BYTES)
        for name, size_bytes in TARBALLS.items():
            _publish(client, peer, name, "1.0.0", size_bytes)
    drive_clients(
        peer.publishing_client, map(_growing(peer), GROWING), _LOADING_CONNECTIONS, _NO_LIMIT
    )


def _growing(peer: Peer) -> Callable[[str], Callable[[Client], None]]:
    def publish_all(client: Client, name: str) -> None:
        for index in range(GROWN_VERSIONS):
            _publish(client, peer, name, version_number(index), _SMALL_BYTES)

    return lambda name: partial(publish_all, name=name)


def publish_many(peer: Peer, first: int, after_last: int) -> float:
    """Publish ``package-<number>`` for each number of a range; returns packages a second."""

    def publishing(number: int) -> Callable[[Client], None]:
        return lambda client: _publish(
            client, peer, f"package-{number}", version_number(0), _SMALL_BYTES
        )

    acts = map(publishing, range(first, after_last))
    return drive_clients(peer.publishing_client, acts, _LOADING_CONNECTIONS, _NO_LIMIT).rate


def copy_as_files(source: Peer, folder: Path) -> None:
    """Lay out for nginx what another server answers, byte for byte, also as gzip.

    Raises:
        Unexpected: the other server lacks something.
    """
    files = folder / FILES
    with source.client() as client:
        for name in VERSIONS:
            for form, accept in (("full", FULL), ("abbreviated", ABBREVIATED)):
                file = files / f"{name}.{form}.json"
                file.write_bytes(_read(client, f"/{name}", accept, "identity"))
                packed = file.with_name(f"{file.name}.gz")
                packed.write_bytes(_read(client, f"/{name}", accept, "gzip"))
        for name in TARBALLS:
            path = f"{name}/-/{name}-1.0.0.tgz"
            (files / path).parent.mkdir(parents=True)
            (files / path).write_bytes(_read(client, f"/{path}", "*/*", "identity"))


def _read(client: Client, path: str, accept: str, encoding: str) -> bytes:
    reply = client.ask("GET", path, headers={"Accept": accept, "Accept-Encoding": encoding})
    if reply.status != 200:  # noqa: PLR2004  OK
        raise Unexpected(f"GET {path} was answered {reply.status}")
    return reply.body


def _publish(client: Client, peer: Peer, name: str, version: str, size_bytes: int) -> None:
    client.put(f"/{name}", publish_body(peer.base_url, name, version, size_bytes))
