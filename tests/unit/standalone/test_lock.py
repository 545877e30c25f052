from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from app.standalone.errors import CannotStart
from app.standalone.lock import only_run

if TYPE_CHECKING:
    from pathlib import Path

URL = "http://localhost:3000"


def test_a_second_run_is_refused_and_told_where_the_first_is(tmp_path: Path) -> None:
    with (
        only_run(tmp_path, URL),
        pytest.raises(CannotStart, match=f"process {os.getpid()}, at {URL}"),
        only_run(tmp_path, "http://localhost:4000"),
    ):
        pytest.fail("two runs at once")


def test_a_lock_file_that_a_killed_run_left_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(json.dumps({"pid": 1, "url": URL}))
    with only_run(tmp_path, URL):
        assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()


def test_a_run_after_a_run_holds_the_lock(tmp_path: Path) -> None:
    for _ in range(2):
        with only_run(tmp_path, URL):
            pass
