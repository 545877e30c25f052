"""A person's account on a machine where no package manager has ever run."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.clients.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

PATIENCE_SECONDS = 300  # of a busy machine; a client takes about a second


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a command came to.

    Attributes:
        output: what it wrote to standard output.
        errors: what it wrote to standard error.
    """

    command: str
    code: int
    output: str
    errors: str

    @property
    def text(self) -> str:
        """All that it said."""
        return f"{self.output}\n{self.errors}"

    def json(self) -> Any:
        """Standard output, parsed."""
        return json.loads(self.output)

    def __str__(self) -> str:
        return f"$ {self.command}\n{self.text}\nexit code {self.code}"


class UnexpectedEnd(AssertionError):
    """A command failed that had to succeed, or the other way round."""


class Machine:
    """A home folder, and an environment that holds nothing of the real machine's settings.

    Args:
        home: an empty folder.
        programs: what is on PATH beside the system's own: name and file.
    """

    def __init__(self, home: Path, programs: Mapping[str, Path]) -> None:
        self.home = home
        binaries = home / "bin"
        for folder in (binaries, home / "tmp"):
            folder.mkdir(parents=True)
        for name, file in programs.items():
            (binaries / name).symlink_to(file)
        self.environment = {
            "PATH": f"{binaries}:/usr/bin:/bin",
            "HOME": str(home),
            "TMPDIR": str(home / "tmp"),
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
        }

    def folder(self, name: str) -> Path:
        """Make a folder in the home folder."""
        made = self.home / name
        made.mkdir(parents=True)
        return made

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        fails: bool = False,
    ) -> Run:
        """Run a command to its end, with nobody at the keyboard.

        Raises:
            UnexpectedEnd: it failed, or with ``fails`` it did not.
        """
        process = subprocess.Popen(  # noqa: S603  an argument list of the test's own, no shell
            list(map(str, argv)),
            cwd=cwd or self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
        )
        try:
            output, errors = process.communicate(timeout=PATIENCE_SECONDS)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        run = Run(
            command=shlex.join(map(str, argv)),
            code=process.returncode,
            output=output.decode(errors="replace"),
            errors=errors.decode(errors="replace"),
        )
        if (run.code != 0) != fails:
            raise UnexpectedEnd(str(run))
        return run

    def terminal(self, argv: Sequence[str | Path], *, cwd: Path | None = None) -> Terminal:
        """Start a command in a terminal, for a person to talk with."""
        return Terminal(list(map(str, argv)), cwd=cwd or self.home, environment=self.environment)

    def converse(
        self,
        argv: Sequence[str | Path],
        answers: Iterable[tuple[str, str]],
        *,
        cwd: Path | None = None,
    ) -> str:
        """Run a command that asks questions, in order; returns all that it showed.

        Raises:
            UnexpectedEnd: it failed.
        """
        with self.terminal(argv, cwd=cwd) as terminal:
            for question, answer in answers:
                terminal.wait_for(question)
                terminal.enter(answer)
            code = terminal.wait()
        if code != 0:
            raise UnexpectedEnd(f"{shlex.join(map(str, argv))}\n{terminal.shown}")
        return terminal.shown
