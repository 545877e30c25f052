"""What is read again and again costs no look at the database."""

from __future__ import annotations

import hashlib
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from app.models import connection
from tests.integration.protocols.oci.conftest import an_image, sha256

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from config.settings import Settings
    from tests.acme import Acme
    from tests.integration.protocols.oci.conftest import Oci

SMALL = b"a small blob"
LIMIT_SECONDS = 10
LARGE = hashlib.shake_128(b"a large blob").digest(600 * 1024)


@contextmanager
def queries(settings: Settings) -> Iterator[list[str]]:
    """Collect which collections are asked within the block, but for the lease's own."""
    database: Any = connection.client()[settings.mongodb_db]
    database.command("profile", 2)
    found: list[str] = []
    try:
        yield found
    finally:
        database.command("profile", 0)
        asked = {row["ns"].partition(".")[2] for row in database["system.profile"].find()}
        found += sorted(asked - {"system.profile", "coherence", "$cmd"})
        database["system.profile"].drop()


@pytest.fixture
def reader(oci: Oci, oci_as: Any, acme: Acme, app: Flask) -> Oci:
    """Somebody who may pull an image with a small and a large blob, by a bearer."""
    oci.push(an_image(SMALL, LARGE), "1")
    reader: Oci = oci_as(acme.reader).bearer("repository:acme/app:pull")
    # That the fence of the push is lifted is heard a moment later; nothing is kept until then.
    coherence: Any = app.extensions["packhouse.coherence"]
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        before = coherence.misses
        reader.get("tags/list")
        if coherence.misses == before:
            return reader
    raise AssertionError("nothing was answered from memory")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "path",
    [
        "manifests/1",
        "manifests/{digest}",
        f"blobs/{sha256(SMALL)}",
        f"blobs/{sha256(LARGE)}",
        "tags/list",
        "tags/list?n=1",
        "referrers/{digest}",
    ],
)
def test_a_hot_read_asks_no_database(
    reader: Oci, settings: Settings, method: str, path: str
) -> None:
    digest = reader.head("manifests/1").headers["Docker-Content-Digest"]
    path = path.format(digest=digest)

    def read() -> tuple[int, bytes, str]:
        answer = reader.request(method, f"acme/app/{path}")
        return answer.status_code, answer.get_data(), answer.headers["ETag"]

    first = read()
    with queries(settings) as asked:
        assert read() == first
    assert first[0] == 200
    assert asked == []


def test_the_first_read_asks(reader: Oci, settings: Settings) -> None:
    with queries(settings) as asked:
        reader.get("manifests/1")
    assert "oci_manifests" in asked


def test_a_range_of_a_blob_asks_no_database_either(reader: Oci, settings: Settings) -> None:
    path = f"blobs/{sha256(LARGE)}"
    reader.head(path)
    with queries(settings) as asked:
        assert reader.get(path, Range="bytes=5-9").get_data() == LARGE[5:10]
    assert asked == []
