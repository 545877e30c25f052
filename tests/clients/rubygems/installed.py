"""Where RubyGems and Bundler are: Debian's, and what `make clients` has put beside them."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from tests.live import ROOT

INSTALLED = ROOT / ".clients/ruby"
LIST = ROOT / "tests/clients/rubygems/releases.txt"
DEBIAN = "debian"


@dataclass(frozen=True, kw_only=True)
class Release:
    """One release of RubyGems with the Bundler that goes with it.

    Attributes:
        rubygems: its number; for Debian's, whichever that is, ``debian``.
        bundler: likewise.
    """

    rubygems: str
    bundler: str

    def __str__(self) -> str:
        return self.rubygems

    def command(self, name: str) -> list[str | Path]:
        """Return the command ``gem`` or ``bundle``.

        Where it is not installed the test is skipped on a laptop, and fails in CI.
        """
        ruby = _on_path("ruby")
        if self.rubygems == DEBIAN:
            return [ruby, _on_path(name)]
        home = INSTALLED / f"gem-{self.rubygems}"
        if not home.exists():
            _say_missing(f"RubyGems {self.rubygems}", "make clients installs it, with Maven")
        return [ruby, "-I", home / "lib", home / "exe" / name]


def releases() -> list[Release]:
    """Return the releases, the oldest first."""
    lines = [line.split() for line in LIST.read_text().splitlines() if not line.startswith("#")]
    newer = [
        Release(rubygems=gem.removeprefix("gem-"), bundler=bundler.removeprefix("bundler-"))
        for _artifact, _sha256, gem, bundler in lines
    ]
    return [Release(rubygems=DEBIAN, bundler=DEBIAN), *newer]


def _on_path(name: str) -> Path:
    found = shutil.which(name)
    return Path(found) if found else _say_missing(name, "Debian has a package of it")


def _say_missing(what: str, reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing; {reason}")
    pytest.skip(f"{what} is missing; {reason}")
