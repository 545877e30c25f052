"""What runs under this data folder, written down, so that a next run can end what was left.

On Linux nothing is left when a run is killed; elsewhere its children go on without it, and
two Redis on one append-only file would destroy it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from app.standalone.errors import CannotStart

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PROC = Path("/proc")
_GENTLE_SECONDS = 15.0
_POLL_SECONDS = 0.05


class RunRecord:
    """One small file for each running part: its process id and its command line."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def note(self, name: str, pid: int, argv: Sequence[str]) -> None:
        """Remember that the part runs; a full disk does not keep it from running."""
        with suppress(OSError):
            self._file(name).write_text(json.dumps({"pid": pid, "argv": list(argv)}))

    def forget(self, name: str) -> None:
        """The part has ended."""
        self._file(name).unlink(missing_ok=True)

    def end_leftovers(self, say: Callable[[str], None]) -> None:
        """End what an earlier run left running; only what is certainly ours.

        A process id may have been given to another program since, so its command line must
        be the recorded one.

        Raises:
            CannotStart: one of them will not end.
        """
        for file in sorted(self._directory.glob("*.json")):
            with suppress(ValueError, KeyError):  # half written: it had not even started
                recorded = json.loads(file.read_text())
                command = " ".join(recorded["argv"])
                if _runs(recorded["pid"], command):
                    say(f"{file.stem} was left by an earlier run; ending process {recorded['pid']}")
                    _end(recorded["pid"], command)
            file.unlink()

    def _file(self, name: str) -> Path:
        return self._directory / f"{name}.json"


def _end(pid: int, command: str) -> None:
    for stop_signal in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(pid, stop_signal)
        deadline = time.monotonic() + _GENTLE_SECONDS
        while _runs(pid, command):
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL_SECONDS)
        else:
            return
    raise CannotStart(f"Process {pid} of an earlier run does not end. End it: kill -9 {pid}")


def _runs(pid: int, command: str) -> bool:
    """Whether the process runs this command; a tether that has not become it yet counts."""
    return _command_line(pid).endswith(command)


def _command_line(pid: int) -> str:
    """Its command line; empty where there is no such process, or only its remains."""
    if _PROC.is_dir():
        try:
            raw = (_PROC / str(pid) / "cmdline").read_bytes()
        except OSError:
            return ""
        return raw.rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
    listed = subprocess.run(  # noqa: S603  a number is all that varies
        ["/bin/ps", "-ww", "-o", "args=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return listed.stdout.strip()
