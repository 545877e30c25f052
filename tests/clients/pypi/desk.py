"""Somebody's machine with Python and the clients of an index on it."""

from __future__ import annotations

import os
import venv
from typing import TYPE_CHECKING

from tests.clients.machine import Machine
from tests.clients.pypi.installed import PYTHON, pip_folder, pips, program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.machine import Run

_SETTINGS = {
    "COLUMNS": "500",  # for those that break lines
    "PIP_CONFIG_FILE": os.devnull,  # not that of the real machine
    "UV_PYTHON": str(PYTHON),
    "UV_PYTHON_DOWNLOADS": "never",
    "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    "POETRY_VIRTUALENVS_IN_PROJECT": "true",
    "PDM_CHECK_UPDATE": "false",
    "FLIT_NO_NETWORK": "1",  # it would ask the public index for the list of classifiers
}


class Environment:
    """A virtual environment, into which one release of pip may install."""

    def __init__(self, machine: Machine, folder: Path, pip: str | None) -> None:
        self._machine = machine
        self.folder = folder
        self.python = folder / "bin/python"
        venv.create(folder, symlinks=True)
        if pip is not None:
            (site_packages,) = folder.glob("lib/python*/site-packages")
            (site_packages / "pip.pth").write_text(str(pip_folder(pip)))

    def pip(self, *arguments: str | Path, fails: bool = False) -> Run:
        """Run a command of pip."""
        return self._machine.run([self.python, "-m", "pip", *arguments], fails=fails)

    def install(self, index: str, *arguments: str | Path, fails: bool = False) -> Run:
        """Install with pip from one index alone."""
        return self.pip("install", "--no-input", "--index-url", index, *arguments, fails=fails)

    def version_of(self, module: str) -> str:
        """Return which version of a project's module is installed."""
        # With -B, as else it would take what it has compiled of another version of equal length.
        program = f"print(__import__({module!r}).VERSION)"
        return self._machine.run([self.python, "-B", "-c", program]).output.strip()


class Desk:
    """A machine where none of the clients has ever run.

    Args:
        home: an empty folder.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.machine = Machine(home, {"python3": PYTHON, "python": PYTHON})
        self.machine.environment |= _SETTINGS
        self._environments = 0

    def run(
        self, name: str, *arguments: str | Path, cwd: Path | None = None, fails: bool = False
    ) -> Run:
        """Run a program, which has to succeed, or with ``fails`` has to fail."""
        return self.machine.run([program(name), *arguments], cwd=cwd, fails=fails)

    def environment(self, pip: str | None = None) -> Environment:
        """Make a virtual environment for a release of pip, or with no pip at all."""
        self._environments += 1
        return Environment(self.machine, self.home / f"environment-{self._environments}", pip)

    def newest_pip(self) -> Environment:
        """Make an environment with the newest pip."""
        return self.environment(pips()[-1])

    def uv_install(
        self, environment: Environment, index: str, *arguments: str | Path, fails: bool = False
    ) -> Run:
        """Install into an environment with uv, from one index alone."""
        where = ("--python", environment.python, "--default-index", index)
        return self.run("uv", "pip", "install", *where, *arguments, fails=fails)
