"""Where the container tools are: Debian's on PATH, the others where `make clients` builds them."""

from __future__ import annotations

import os
import shutil
from functools import lru_cache
from pathlib import Path

import pytest

from tests.live import ROOT

BUILT = ROOT / ".clients/oci/bin"
LIST = ROOT / "tests/clients/oci/tools.txt"


@lru_cache(maxsize=1)
def releases() -> dict[str, str]:
    """Return the programs that are built from source, and the release of each."""
    lines = [line for line in LIST.read_text().splitlines() if not line.startswith("#")]
    pairs = [line.split("@") for line in lines]
    return {package.rpartition("/")[2]: release.removeprefix("v") for package, release in pairs}


def installed(program: str) -> Path:
    """Return a program's file.

    Where it is missing the test is skipped on a laptop, and fails in CI. But what is built needs
    a newer Go than Debian 12 has: where there is none, its tests are skipped in CI, too.
    """
    if program in releases():
        found, reason = BUILT / program, "make clients builds it"
    else:
        found, reason = Path(shutil.which(program) or "/"), "Debian has a package of it"
    if found.is_file():
        return found
    if program in releases() and shutil.which("go") is None:
        pytest.skip(f"{program} is built with Go, which is not installed")
    if os.environ.get("CI"):
        pytest.fail(f"{program} is missing; {reason}")
    pytest.skip(f"{program} is missing; {reason}")
