"""A server whose port was taken between the choice and its start."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from app.standalone.errors import CannotStart
from app.standalone.leftovers import RunRecord
from app.standalone.services import Services
from app.standalone.stopping import StopSignals
from app.standalone.supervisor import Supervisor
from app.standalone.up import start_servers
from tests.integration.standalone.supervise import stand_in
from tests.new_settings import new_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FAILS = "exit 1"
RUNS = 'echo $$ > "$PID_FILE"; exec sleep 1000'


@dataclass
class Plans:
    """Plans one shell command after the other; the last one for ever."""

    folder: Path
    commands: list[str]
    made: int = field(default=0)

    def __call__(self) -> Services:
        command = self.commands[min(self.made, len(self.commands) - 1)]
        self.made += 1
        settings = new_settings("mongodb://127.0.0.1/", "redis://127.0.0.1/", self.folder)
        part = stand_in(self.folder, "server", command)
        return Services(parts=[part], settings=settings, env={})


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(RunRecord(tmp_path / "run"), StopSignals(), lambda _line: None)
    yield supervisor
    supervisor.stop()


def test_other_ports_are_tried(supervisor: Supervisor, tmp_path: Path) -> None:
    plans = Plans(tmp_path, [f"{FAILS} # port 1", f"{FAILS} # port 2", RUNS])
    started = start_servers(supervisor, plans)
    assert started.parts[0].argv[-1] == RUNS
    assert (tmp_path / "server.pid").exists()


def test_a_server_that_fails_on_ports_that_are_free_is_not_tried_again(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    plans = Plans(tmp_path, [FAILS])
    with pytest.raises(CannotStart, match="server ended while it started"):
        start_servers(supervisor, plans)
    assert plans.made == 2


def test_it_gives_up_in_the_end(supervisor: Supervisor, tmp_path: Path) -> None:
    plans = Plans(tmp_path, [f"{FAILS} # port {port}" for port in range(10)])
    with pytest.raises(CannotStart, match="server ended while it started"):
        start_servers(supervisor, plans)
    assert plans.made == 3
