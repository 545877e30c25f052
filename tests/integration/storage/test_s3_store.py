from __future__ import annotations

import hashlib
import os
import secrets
import socket
import threading
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from app.errors import Unavailable
from app.storage.base import LEAST_PART_BYTES, ObjectExists
from app.storage.s3 import Connection
from app.storage.s3_store import S3Store
from app.storage.staging import StagingArea
from tests.live import free_port
from tests.stores import keys, new_prefix, put, read, s3_settings, stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from app.standalone.servers import S3Server


@pytest.fixture
def staging(tmp_path: Path) -> StagingArea:
    return StagingArea(tmp_path / "staging")


@pytest.fixture
def store(s3_connection: Connection, staging: StagingArea) -> S3Store:
    return S3Store(s3_connection, new_prefix(), staging)


@pytest.fixture
def in_parts(s3_connection: Connection, staging: StagingArea) -> S3Store:
    """A store that uploads all but the smallest objects in parts."""
    return S3Store(
        s3_connection, new_prefix(), staging, whole_up_to_bytes=1000, part_bytes=LEAST_PART_BYTES
    )


# Uploading in parts.


def test_a_large_object_arrives_whole(in_parts: S3Store) -> None:
    content = secrets.token_bytes(3 * LEAST_PART_BYTES + 11)
    put(in_parts, "large", content)
    assert read(in_parts, "large") == content
    assert (
        read(in_parts, "large", LEAST_PART_BYTES - 2, 5)
        == (content[LEAST_PART_BYTES - 2 : LEAST_PART_BYTES + 3])
    )
    with in_parts.open("large") as reader:
        assert reader.sha256 == hashlib.sha256(content).hexdigest()


def test_of_large_reveals_at_once_one_wins_and_leaves_no_parts(in_parts: S3Store) -> None:
    contents = [bytes([number]) * (LEAST_PART_BYTES + 1) for number in range(8)]
    staged = [stage(in_parts, content) for content in contents]
    won: list[int] = []

    def reveal(number: int) -> None:
        try:
            in_parts.reveal(staged[number], "large")
        except ObjectExists:
            return
        won.append(number)

    threads = [threading.Thread(target=reveal, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert read(in_parts, "large") == contents[won[0]]
    assert in_parts.sweep_multipart(older_than_seconds=-60) == 0


def test_a_file_whose_parts_are_being_uploaded_is_not_swept(in_parts: S3Store) -> None:
    put(in_parts, "taken", b"bytes")
    with stage(in_parts, bytes(2000)) as slow:
        os.utime(slow.path, (0, 0))  # It arrived long ago.
        with pytest.raises(ObjectExists):
            in_parts.reveal(slow, "taken")
        assert in_parts.sweep_staging(older_than_seconds=3600) == 0
        assert slow.path.exists()


@pytest.mark.parametrize("size_bytes", [10, 2000], ids=["whole", "in parts"])
def test_an_answer_that_was_lost_is_no_conflict(in_parts: S3Store, size_bytes: int) -> None:
    staged = stage(in_parts, bytes(size_bytes))
    in_parts.reveal(staged, "a")
    staged.path.write_bytes(bytes(size_bytes))  # As if no answer had come.
    in_parts.reveal(staged, "a")
    with stage(in_parts, bytes(size_bytes)) as another, pytest.raises(ObjectExists):
        in_parts.reveal(another, "a")


def test_what_claims_to_complete_is_not_among_the_objects(in_parts: S3Store) -> None:
    put(in_parts, "large", bytes(2000))
    assert keys(in_parts) == ["large"]


# Presigned URLs.


@pytest.mark.parametrize("filename", ["left-pad-1.0.0.tgz", 'a "b"\\ü%.tgz', None])
def test_a_presigned_url_reads_the_object_without_credentials(
    store: S3Store, filename: str | None
) -> None:
    put(store, "npm/@scope/left pad+1.tgz", b"0123456789")
    url = store.presign("npm/@scope/left pad+1.tgz", seconds=60, filename=filename)
    request = urllib.request.Request(url, headers={"Range": "bytes=2-5"})  # noqa: S310  our server
    with urllib.request.urlopen(request) as answer:  # noqa: S310  our server
        assert answer.read() == b"2345"
        disposition = answer.headers["Content-Disposition"]
    if filename is not None:
        assert disposition.startswith("attachment; filename=")
        assert f"filename*=UTF-8''{urllib.parse.quote(filename, safe='')}" in disposition


# The bucket, and servers that fail.


def test_a_bucket_that_is_not_there_is_made_by_the_check_and_is_no_missing_object(
    s3_server: S3Server, tmp_path: Path, staging: StagingArea
) -> None:
    settings = s3_settings(tmp_path, s3_server, s3_bucket=f"made-{secrets.token_hex(4)}")
    store = S3Store(Connection(settings), "packages", staging)
    for asks in (store.open, store.stat):
        with pytest.raises(Unavailable):
            asks("a")
    for _ in range(2):
        store.check()
    put(store, "a", b"x")
    assert read(store, "a") == b"x"


def test_a_bucket_that_may_not_be_made_is_named(
    s3_server: S3Server, tmp_path: Path, staging: StagingArea
) -> None:
    settings = s3_settings(tmp_path, s3_server, s3_bucket="Not_A_Bucket_Name")
    with pytest.raises(Unavailable, match=r"S3_BUCKET.*Not_A_Bucket_Name"):
        S3Store(Connection(settings), "packages", staging).check()


def test_wrong_credentials_are_an_outage_and_not_an_absence(
    s3_server: S3Server, tmp_path: Path, staging: StagingArea
) -> None:
    settings = s3_settings(tmp_path, s3_server, s3_secret_key=SecretStr("wrong"))
    store = S3Store(Connection(settings), "packages", staging)
    for asks in (store.open, store.stat, store.delete, store.begin_multipart, keys_of(store)):
        with pytest.raises(Unavailable):
            asks("a")
    with pytest.raises(Unavailable):
        store.check()


def test_a_server_that_is_down_is_an_outage_and_what_was_staged_remains(
    s3_server: S3Server, s3_connection: Connection, tmp_path: Path, staging: StagingArea
) -> None:
    settings = s3_settings(tmp_path, s3_server, s3_endpoint=f"http://127.0.0.1:{free_port()}")
    down = S3Store(Connection(settings), settings.storage_path, staging)
    staged = stage(down, b"x")
    with pytest.raises(Unavailable):
        down.reveal(staged, "a")
    with pytest.raises(Unavailable):
        down.open("a")
    up = S3Store(s3_connection, settings.storage_path, staging)
    up.reveal(staged, "a")
    assert read(up, "a") == b"x"


def keys_of(store: S3Store) -> Callable[[str], object]:
    return lambda prefix: keys(store, prefix)


class _BreaksOff(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "3000000")
        self.end_headers()
        self.wfile.write(bytes(2_000_000))
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *args: object) -> None:
        pass


def refuses_at_first() -> tuple[type[BaseHTTPRequestHandler], list[bytes]]:
    """Make a server that takes an upload at the second try; and what it took."""
    taken: list[bytes] = []

    class RefusesAtFirst(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            taken.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(503 if len(taken) == 1 else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    return RefusesAtFirst, taken


def test_an_upload_that_is_tried_again_is_sent_whole(
    s3_server: S3Server, tmp_path: Path, staging: StagingArea
) -> None:
    content = secrets.token_bytes(300_000)
    handler, taken = refuses_at_first()
    with served(handler) as url:
        settings = s3_settings(tmp_path, s3_server, s3_endpoint=url)
        put(S3Store(Connection(settings), "packages", staging), "a", content)
    assert taken == [content, content]


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Answer requests this way; gives the URL."""
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_body_that_breaks_off_is_an_outage_and_never_a_short_object(
    s3_server: S3Server, tmp_path: Path, staging: StagingArea
) -> None:
    with served(_BreaksOff) as url:
        settings = s3_settings(tmp_path, s3_server, s3_endpoint=url)
        store = S3Store(Connection(settings), "packages", staging)
        with store.open("a") as reader, pytest.raises(Unavailable):
            list(reader)
