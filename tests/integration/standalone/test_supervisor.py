from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.standalone.leftovers import RunRecord
from app.standalone.process import Child, Part

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
READY = 'echo $$ > "$PID_FILE"'
FOREVER = f"{READY}; exec sleep 1000"
STUBBORN = f"trap '' TERM; {READY}; exec sleep 1000"
WITH_CHILD = f'sleep 1000 & echo $! > "$PID_FILE.child"; {READY}; wait'


class Run:
    """A supervisor of stand-ins, in a process of its own."""

    def __init__(self, folder: Path, parts: dict[str, str]) -> None:
        self._folder = folder
        self.process = subprocess.Popen(  # noqa: S603  our own program
            [
                *(sys.executable, Path(__file__).with_name("supervise.py"), folder),
                *(f"{name}={command}" for name, command in parts.items()),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def says(self, text: str) -> str:
        """The next line that holds the text."""
        assert self.process.stdout
        seen = []
        for line in self.process.stdout:
            seen.append(line)
            if text in line:
                return line.strip()
        pytest.fail(f"it never said {text!r}:\n{''.join(seen)}")

    def stop(self, stop_signal: signal.Signals) -> list[str]:
        self.process.send_signal(stop_signal)
        return self.rest()

    def rest(self) -> list[str]:
        """What it says until it ends."""
        return self.process.communicate()[0].splitlines()

    def pid(self, name: str) -> int:
        return int((self._folder / f"{name}.pid").read_text())


@contextmanager
def supervising(folder: Path, **parts: str) -> Iterator[Run]:
    run = Run(folder, parts)
    with run.process:
        try:
            yield run
        finally:
            run.process.kill()


def ends_within(pid: int, seconds: float) -> bool:
    """Wait for the end of a process that need not be our child."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("stop_signal", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_all_parts_the_last_started_first(
    tmp_path: Path, stop_signal: signal.Signals
) -> None:
    with supervising(tmp_path, one=FOREVER, two=FOREVER) as run:
        run.says("all ready")
        pids = [run.pid("one"), run.pid("two")]
        said = run.stop(stop_signal)
    assert [line.split() for line in said] == [["stopping"], ["two", "stopped"], ["one", "stopped"]]
    assert run.process.returncode == 0
    assert all(ends_within(pid, 0) for pid in pids)
    assert not list((tmp_path / "run").iterdir())


def test_a_part_that_dies_is_started_again(tmp_path: Path) -> None:
    with supervising(tmp_path, one=FOREVER) as run:
        run.says("all ready")
        first = run.pid("one")
        os.kill(first, signal.SIGKILL)
        assert "killed by SIGKILL" in run.says("one died")
        run.says("one      ready")
        assert run.pid("one") != first


def test_what_a_dead_part_had_started_is_ended_before_it_starts_again(tmp_path: Path) -> None:
    with supervising(tmp_path, one=WITH_CHILD) as run:
        run.says("all ready")
        grandchild = int((tmp_path / "one.pid.child").read_text())
        os.kill(run.pid("one"), signal.SIGKILL)
        run.says("one died")
        assert ends_within(grandchild, 5)


def test_a_part_that_will_not_stop_is_killed_with_its_children(tmp_path: Path) -> None:
    with supervising(tmp_path, one=STUBBORN) as run:
        run.says("all ready")
        stubborn = run.pid("one")
        assert run.stop(signal.SIGTERM)[-1].split() == ["one", "killed"]
    assert ends_within(stubborn, 0)


def test_nothing_is_left_when_the_supervisor_itself_is_killed(tmp_path: Path) -> None:
    with supervising(tmp_path, one=FOREVER, two=STUBBORN) as run:
        run.says("all ready")
        pids = [run.pid("one"), run.pid("two")]
        run.process.kill()
        assert all(ends_within(pid, 5) for pid in pids)


def test_a_part_that_cannot_start_is_shown_with_the_end_of_its_log(tmp_path: Path) -> None:
    with supervising(tmp_path, one=FOREVER, two="echo no room; exit 7") as run:
        said = "\n".join(run.rest())
    assert "two ended while it started (exit code 7)." in said
    assert "no room" in said
    assert "one      stopped" in said
    assert run.process.returncode == 1


def test_a_stop_is_heard_while_a_part_still_starts(tmp_path: Path) -> None:
    with supervising(tmp_path, one=FOREVER, two="exec sleep 1000") as run:
        run.says("one      ready")
        run.stop(signal.SIGTERM)
    assert run.process.returncode == 0


def test_what_an_earlier_run_left_is_ended_first(tmp_path: Path) -> None:
    left = Child(
        Part(
            name="one",
            argv=("/bin/sleep", "1000"),
            log=tmp_path / "left.log",
            is_ready=lambda: True,
        )
    )
    RunRecord(tmp_path / "run").note("one", left.pid, left.part.argv)
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
