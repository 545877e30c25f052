from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from app.standalone import checks
from app.standalone.errors import CannotStart
from app.standalone.ports import LOOPBACK

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = 4096


def disk_with(free_mib: int) -> os.statvfs_result:
    free = free_mib * 1024 * 1024 // BLOCK
    return os.statvfs_result((BLOCK, BLOCK, free * 2, free, free, 100, 100, 100, 0, 255))


def test_a_nearly_full_disk_is_refused_with_what_is_free(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"Only 499 MiB are free.*DATA_DIR"):
        checks.require_disk_space(tmp_path, lambda _path: disk_with(499))


def test_a_disk_with_room_is_accepted(tmp_path: Path) -> None:
    checks.require_disk_space(tmp_path, lambda _path: disk_with(500))


def test_the_data_folder_is_its_owners_alone(tmp_path: Path) -> None:
    checks.prepare_data_directory(tmp_path / "var")
    assert (tmp_path / "var").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("contents", [[], ["secrets.json", "mongodb"]])
def test_a_data_folder_that_others_may_look_into_is_closed(
    tmp_path: Path, contents: list[str]
) -> None:
    tmp_path.chmod(0o755)
    for name in contents:
        (tmp_path / name).touch()
    checks.prepare_data_directory(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_an_open_folder_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(CannotStart, match=r"DATA_DIR: others may look into .*chmod 700"):
        checks.prepare_data_directory(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o750


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match=r"DATA_DIR: .*/file/var cannot be created"):
        checks.prepare_data_directory(tmp_path / "file/var")


def test_a_port_in_use_is_named_with_what_to_set() -> None:
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CannotStart, match=rf"Port {port} is in use.*PORT={port + 1}"):
            checks.require_free_address(LOOPBACK, port, patience_seconds=0)


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(CannotStart, match=r"HOST: 192\.0\.2\.1 is not an address of this machine"):
        checks.require_free_address("192.0.2.1", 3000)
