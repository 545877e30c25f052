"""What every object store keeps to when its process is killed, starved or shared."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from app.storage import create_store
from tests.store_processes import is_whole, run, start
from tests.stores import MIB, filesystem_settings, keys, read, s3_settings

if TYPE_CHECKING:
    from pathlib import Path

    from config.settings import Settings

every_kind = pytest.mark.parametrize("kind", ["filesystem", "s3", "cached"])
every_way_to_reveal = pytest.mark.parametrize("kind", ["filesystem", "s3", "parts"])


@pytest.fixture
def store_settings(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of a store of each kind, empty."""
    if kind == "filesystem":
        return filesystem_settings(tmp_path)
    cache_bytes = 64 * MIB if kind == "cached" else 0
    server = request.getfixturevalue("s3_server")
    return s3_settings(tmp_path, server, disk_cache_bytes=cache_bytes)


@every_way_to_reveal
@pytest.mark.chaos
def test_a_process_killed_while_it_reveals_leaves_a_whole_object_or_none(
    kind: str, store_settings: Settings
) -> None:
    about_to_be = []
    for rounds in (1, 2, 5):
        with start("reveal-forever", kind, store_settings) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(rounds)]
            about_to_be += [f"killed/{line.strip()}" for line in lines]
            process.kill()
    store = create_store(store_settings)
    found = keys(store)
    assert set(found) <= set(about_to_be)
    assert len(found) >= 0 + 1 + 4  # All but the last of each round were answered.
    assert all(is_whole(read(store, key)) for key in found)


@every_kind
def test_memory_does_not_grow_with_the_size_of_what_is_stored(
    kind: str, store_settings: Settings
) -> None:
    assert int(run("measure", kind, store_settings)) < 16 * MIB


@every_kind
def test_a_full_disk_is_told_and_nothing_half_written_is_seen(
    kind: str, store_settings: Settings, tmp_path: Path
) -> None:
    fits, does_not = json.loads(run("fill-disk", kind, store_settings).splitlines()[-1])
    assert fits == "stored"
    assert "no room" in does_not
    store = create_store(store_settings)
    assert keys(store) == [str(MIB)]
    assert len(read(store, str(MIB))) == MIB
    assert [path for path in (tmp_path / "staging").iterdir() if path.is_file()] == []


@every_way_to_reveal
def test_under_gevent_others_run_while_an_object_is_revealed(
    kind: str, store_settings: Settings
) -> None:
    told = json.loads(run("gevent", kind, store_settings, "--gevent"))
    assert told["ran_meanwhile"] > 0
    assert told["taken"]
    assert len(read(create_store(store_settings), "large")) == 24 * MIB
