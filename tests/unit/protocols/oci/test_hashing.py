from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from app.protocols.oci.hashing import Hashing, UploadHashes, hash_again

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def app() -> Iterator[Flask]:
    """One process."""
    app = Flask(__name__)
    with app.app_context():
        yield app


def take(hashes: UploadHashes, *pieces: bytes) -> None:
    for piece in pieces:
        hashes.update(piece)


@given(st.lists(st.binary(max_size=40), max_size=5), st.booleans())
def test_pieces_have_the_digests_of_the_whole(pieces: list[bytes], with_sha512: bool) -> None:  # noqa: FBT001
    with Flask(__name__).app_context():
        found = hash_again(pieces, with_sha512=with_sha512)
    whole = b"".join(pieces)
    assert found == Hashing(
        sha256=hashlib.sha256(whole).hexdigest(),
        sha512=hashlib.sha512(whole).hexdigest() if with_sha512 else "",
    )


def test_a_process_that_saw_all_goes_on_and_another_one_knows_nothing(app: Flask) -> None:
    first = UploadHashes.following("upload", 0, with_sha512=False)
    take(first, b"one ")
    first.keep("upload")
    second = UploadHashes.following("upload", 4, with_sha512=False)
    take(second, b"two")
    assert second.result() == Hashing(sha256=hashlib.sha256(b"one two").hexdigest())
    for upload, size in (("upload", 5), ("other", 4)):
        assert UploadHashes.following(upload, size, with_sha512=False).result() is None
    app.extensions.clear()
    assert UploadHashes.following("upload", 4, with_sha512=False).result() is None


def test_what_is_kept_is_not_changed_by_a_request_that_comes_to_nothing() -> None:
    first = UploadHashes.following("upload", 0, with_sha512=False)
    take(first, b"one ")
    first.keep("upload")
    take(UploadHashes.following("upload", 4, with_sha512=False), b"lost")
    again = UploadHashes.following("upload", 4, with_sha512=False)
    assert again.result() == Hashing(sha256=hashlib.sha256(b"one ").hexdigest())


def test_under_gevent_others_are_served_while_an_upload_is_hashed(tmp_path: Path) -> None:
    program = Path(__file__).with_name("receiving_under_gevent.py")
    finished = subprocess.run(  # noqa: S603  our own program
        [sys.executable, program, tmp_path],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[4])},
        capture_output=True,
        text=True,
        check=True,
    )
    is_right, turns = map(int, finished.stdout.split())
    assert is_right
    assert turns > 60
