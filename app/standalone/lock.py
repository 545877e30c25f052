"""One run at a time on a data folder."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from app.standalone.errors import CannotStart

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def only_run(data_directory: Path, url: str) -> Iterator[None]:
    """Hold the folder's lock for as long as the block.

    The kernel gives the lock up when its holder dies, however it dies, so a lock file that
    was left behind stops nobody. The file says who holds it, for the message alone.

    Raises:
        CannotStart: another run holds it; the message says which and where.
    """
    with (data_directory / "lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotStart(_who_runs(file, data_directory)) from error
        _write(file, json.dumps({"pid": os.getpid(), "url": url}))
        try:
            yield
        finally:
            _write(file, "")


def _write(file: TextIO, text: str) -> None:
    file.truncate(0)
    file.write(text)
    file.flush()


def _who_runs(file: TextIO, data_directory: Path) -> str:
    file.seek(0)
    try:
        holder = json.load(file)
        known = f" as process {holder['pid']}, at {holder['url']}"
        stop = f"Stop it with Ctrl-C where it runs or with `kill {holder['pid']}`"
    except ValueError:  # it is starting or stopping this very moment
        known, stop = "", "Stop it"
    return (
        f"Packhouse already runs on {data_directory}{known}. "
        f"{stop}, or set DATA_DIR and PORT for a second one."
    )
