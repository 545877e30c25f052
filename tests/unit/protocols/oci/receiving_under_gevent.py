"""Run by a test in a process of its own: take in an upload while others are to be served."""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import hashlib  # noqa: E402  after patching
import itertools  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import gevent  # noqa: E402
from flask import Flask  # noqa: E402

from app.protocols.oci.hashing import UploadHashes, hash_again  # noqa: E402
from app.storage.base import Unfinished  # noqa: E402
from app.storage.filesystem import FilesystemStore  # noqa: E402
from app.storage.staging import StagingArea  # noqa: E402

PIECES = 64
PIECE = os.urandom(1024 * 1024)


def receive(directory: Path) -> bool:
    """Take pieces in as an upload does; whether all digests and bytes are right."""
    store = FilesystemStore(directory / "packages", StagingArea(directory / "staging"))
    unfinished = Unfinished(id="0" * 32, key="unused", next_number=itertools.count(1).__next__)
    hashes = UploadHashes.following("upload", 0, with_sha512=True)
    with store.extend(unfinished) as extension:
        for _ in range(PIECES):
            hashes.update(PIECE)
            extension.write(PIECE)
        extension.finish(is_last=True)
        key = extension.complete("done/blob")
    result = hashes.result()
    assert result is not None
    with store.open(key) as stored:
        again = hash_again(stored, with_sha512=True)
    expected = hashlib.sha256(PIECE * PIECES).hexdigest()
    return result == again and result.sha256 == expected


def main() -> None:
    """Print whether it is right, and how often another client got a turn."""
    app = Flask("gevent_test")

    def run() -> bool:
        with app.app_context():
            return receive(Path(sys.argv[1]))

    receiving = gevent.spawn(run)
    turns = 0
    while not receiving.ready():
        gevent.sleep(0.0001)
        turns += 1
    print(int(receiving.get()), turns)  # noqa: T201  read by the test


main()
