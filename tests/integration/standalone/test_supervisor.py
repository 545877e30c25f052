from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.standalone.leftovers import RunRecord
from app.standalone.process import Child, Part
from tests.integration.standalone.commands import ROOT, all_end_within, running

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tests.integration.standalone.commands import Command

READY = 'echo $$ > "$PID_FILE"'
FOREVER = f"{READY}; exec sleep 1000"
STUBBORN = f"trap '' TERM; {READY}; exec sleep 1000"
WITH_CHILD = f'sleep 1000 & echo $! > "$PID_FILE.child"; {READY}; wait'


def supervising(folder: Path, **parts: str) -> AbstractContextManager[Command]:
    """A supervisor of stand-ins, in a process of its own."""
    program = Path(__file__).with_name("supervise.py")
    commands = [f"{name}={command}" for name, command in parts.items()]
    return running(
        [sys.executable, program, folder, *commands], {**os.environ, "PYTHONPATH": str(ROOT)}
    )


def pid_of(folder: Path, name: str) -> int:
    return int((folder / f"{name}.pid").read_text())


@pytest.mark.parametrize("stop_signal", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_all_parts_the_last_started_first(
    tmp_path: Path, stop_signal: signal.Signals
) -> None:
    with supervising(tmp_path, one=FOREVER, two=FOREVER) as run:
        run.says("all ready")
        pids = {pid_of(tmp_path, "one"), pid_of(tmp_path, "two")}
        code, said = run.stop(stop_signal)
    assert code == 0
    assert said.split() == ["stopping", "two", "stopped", "one", "stopped"]
    assert all_end_within(pids, 0)
    assert not list((tmp_path / "run").iterdir())


def test_a_part_that_dies_is_started_again(tmp_path: Path) -> None:
    with supervising(tmp_path, one=FOREVER) as run:
        run.says("all ready")
        first = pid_of(tmp_path, "one")
        os.kill(first, signal.SIGKILL)
        assert "killed by SIGKILL" in run.says("one died")
        run.says("one      ready")
        assert pid_of(tmp_path, "one") != first


def test_what_a_dead_part_had_started_is_ended_before_it_starts_again(tmp_path: Path) -> None:
    with supervising(tmp_path, one=WITH_CHILD) as run:
        run.says("all ready")
        grandchild = int((tmp_path / "one.pid.child").read_text())
        os.kill(pid_of(tmp_path, "one"), signal.SIGKILL)
        run.says("one died")
        assert all_end_within({grandchild}, 5)


def test_a_part_that_will_not_stop_is_killed(tmp_path: Path) -> None:
    with supervising(tmp_path, one=STUBBORN) as run:
        run.says("all ready")
        stubborn = pid_of(tmp_path, "one")
        _, said = run.stop(signal.SIGTERM)
    assert said.split()[-2:] == ["one", "killed"]
    assert all_end_within({stubborn}, 0)


def test_nothing_is_left_when_the_supervisor_itself_is_killed(tmp_path: Path) -> None:
    with supervising(tmp_path, one=FOREVER, two=STUBBORN) as run:
        run.says("all ready")
        pids = {pid_of(tmp_path, "one"), pid_of(tmp_path, "two")}
        run.kill()
        assert all_end_within(pids, 5)


def test_a_part_that_cannot_start_is_shown_with_the_end_of_its_log(tmp_path: Path) -> None:
    with supervising(tmp_path, one=FOREVER, two="echo no room; exit 7") as run:
        code, said = run.ends()
    assert code == 1
    assert "two ended while it started (exit code 7)." in said
    assert "no room" in said
    assert "one      stopped" in said


def test_a_stop_is_heard_while_a_part_still_starts(tmp_path: Path) -> None:
    with supervising(tmp_path, one=FOREVER, two="exec sleep 1000") as run:
        run.says("one      ready")
        code, _ = run.stop(signal.SIGTERM)
    assert code == 0


def test_what_an_earlier_run_left_is_ended_first(tmp_path: Path) -> None:
    sleep = ("/bin/sleep", "1000")
    left = Child(Part(name="one", argv=sleep, log=tmp_path / "left.log", is_ready=lambda: True))
    RunRecord(tmp_path / "run").note("one", left.pid, sleep)
    with supervising(tmp_path, one=FOREVER) as run:
        run.says("one was left by an earlier run")
        assert left.has_ended_within(5)
        run.says("all ready")


def test_a_process_that_merely_has_a_recorded_id_is_left_alone(tmp_path: Path) -> None:
    bystander = subprocess.Popen(["/bin/sleep", "1000"], process_group=0)
    try:
        RunRecord(tmp_path / "run").note("one", bystander.pid, ["/usr/bin/mongod", "--port", "1"])
        with supervising(tmp_path, one=FOREVER) as run:
            run.says("all ready")
            assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
