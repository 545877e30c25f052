from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

from app.standalone.ports import LOOPBACK, is_free, remembered_ports

if TYPE_CHECKING:
    from pathlib import Path


def test_a_port_on_which_another_program_listens_is_not_free() -> None:
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)


def test_a_port_is_taken_on_every_address_by_a_listener_on_one() -> None:
    with socket.create_server((LOOPBACK, 0)) as other:
        assert not is_free(other.getsockname()[1], "0.0.0.0")  # noqa: S104  what HOST may say


def test_an_address_of_another_machine_is_not_merely_taken() -> None:
    with pytest.raises(OSError, match="assign"):
        is_free(3000, "192.0.2.1")


def test_ports_are_the_same_at_the_next_start(tmp_path: Path) -> None:
    names = ["one", "two", "three"]
    first = remembered_ports(tmp_path / "ports.json", names)
    assert len(set(first.values())) == 3
    assert remembered_ports(tmp_path / "ports.json", names) == first


def test_only_a_port_that_was_taken_since_changes(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    first = remembered_ports(file, ["one", "two"])
    with socket.create_server((LOOPBACK, first["one"])):
        second = remembered_ports(file, ["one", "two"])
    assert second["one"] != first["one"]
    assert second["two"] == first["two"]
    assert json.loads(file.read_text()) == second


def test_a_port_is_not_kept_when_its_companion_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    first = remembered_ports(file, ["one"], also=100)["one"]
    with socket.create_server((LOOPBACK, first + 100)):
        assert remembered_ports(file, ["one"], also=100)["one"] != first


def test_a_port_is_not_kept_when_it_is_taken_on_another_address(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    first = remembered_ports(file, ["one"])["one"]
    with socket.create_server(("127.0.0.2", first)):
        assert remembered_ports(file, ["one"])["one"] != first


def test_no_port_is_the_companion_of_another(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    first = remembered_ports(file, ["one"], also=100)["one"]
    file.write_text(json.dumps({"one": first, "two": first + 100}))
    assert remembered_ports(file, ["one", "two"], also=100)["two"] != first + 100
