"""Where `make clients` has put the clients of a Python index."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final, NoReturn

import pytest

from tests.live import ROOT

INSTALLED = ROOT / ".clients/python"
LISTS = ROOT / "tests/clients/pypi"
PYTHON = Path(sys.executable).resolve()
UV = Path(sys.executable).parent / "uv"

_FIRST_PIP_WITH_PYTHON_3_12: Final = (23, 1)


def pips() -> list[str]:
    """Return the releases of pip, the oldest first."""
    lines = (LISTS / "pips.txt").read_text().splitlines()
    return [line.split()[0].removeprefix("pip==") for line in lines if line.startswith("pip==")]


def program(name: str) -> Path:
    """Return a program; where it is missing, that is said as below."""
    found = UV if name == "uv" else INSTALLED / "tools/bin" / name
    return found if found.exists() else _say_missing(name)


def pip_folder(release: str) -> Path:
    """Return where a release of pip can be imported from.

    Where it is not installed the test is skipped on a laptop, and fails in CI. It is skipped there
    too where this Python is too new for it.
    """
    number = tuple(map(int, release.split(".")[:2]))
    if sys.version_info >= (3, 12) and number < _FIRST_PIP_WITH_PYTHON_3_12:
        pytest.skip(f"pip {release} does not run with Python 3.12")
    found = INSTALLED / f"pip-{release}"
    return found if found.exists() else _say_missing(f"pip {release}")


def _say_missing(what: str) -> NoReturn:
    missing = f"{what} is not installed; make clients installs it"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)
