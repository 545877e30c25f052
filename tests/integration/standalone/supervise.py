"""Supervises stand-ins: ``supervise.py FOLDER NAME=SHELL_COMMAND …``; says what happens.

A stand-in is ready once it has written its process id to ``$PID_FILE``, FOLDER/NAME.pid.
"""

from __future__ import annotations

import sys
from pathlib import Path

from app.standalone.errors import CannotStart
from app.standalone.leftovers import RunRecord
from app.standalone.process import Part
from app.standalone.stopping import StopRequested, StopSignals
from app.standalone.supervisor import Supervisor


def stand_in(folder: Path, name: str, command: str) -> Part:
    pid_file = folder / f"{name}.pid"
    return Part(
        name=name,
        argv=("/bin/sh", "-c", command),
        log=folder / f"{name}.log",
        is_ready=lambda: pid_file.exists() and pid_file.read_text().strip() != "",
        env={"PID_FILE": str(pid_file)},
        ready_within_seconds=20,
        stop_within_seconds=3,
    )


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201  the test reads it


def main(folder: Path, parts: list[str]) -> None:
    signals = StopSignals()
    signals.listen()
    record = RunRecord(folder / "run")
    record.end_leftovers(say)
    supervisor = Supervisor(record, signals, say)
    try:
        supervisor.start([stand_in(folder, *part.split("=", 1)) for part in parts])
        say("all ready")
        supervisor.watch()
    except StopRequested:
        say("stopping")
    except CannotStart as problem:
        say(str(problem))
        sys.exit(1)
    finally:
        supervisor.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
