"""Somebody's machine with Ruby on it."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tests.clients.machine import Machine
from tests.clients.rubygems.installed import DEBIAN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.clients.machine import Run
    from tests.clients.rubygems.gems import Gem
    from tests.clients.rubygems.installed import Release
    from tests.clients.terminal import Terminal


class Desk:
    """A machine where neither gem nor Bundler has ever run.

    Args:
        home: an empty folder.
        release: of both.

    Attributes:
        empty: where there is no file that gem could take for the one it is asked for.
    """

    def __init__(self, home: Path, release: Release) -> None:
        self.home = home
        self.release = release
        self.machine = Machine(home, {})
        self.empty = self.machine.folder("empty")
        self.machine.environment |= {
            "GEM_HOME": str(home / "gems"),
            "GEM_PATH": str(home / "gems"),
            "BUNDLE_SILENCE_ROOT_WARNING": "1",
        }
        if release.rubygems != DEBIAN:  # Debian's changes are to its own release.
            self.machine.environment["DEBIAN_DISABLE_RUBYGEMS_INTEGRATION"] = "1"

    def gem(self, *arguments: str | Path, cwd: Path | None = None, fails: bool = False) -> Run:
        """Run a command of gem."""
        command = [*self.release.command("gem"), *arguments]
        return self.machine.run(command, cwd=cwd or self.empty, fails=fails)

    def terminal(self, *arguments: str) -> Terminal:
        """Start a command of gem, for a person to talk with."""
        return self.machine.terminal([*self.release.command("gem"), *arguments], cwd=self.empty)

    def ruby(self, *arguments: str | Path) -> Run:
        """Run a program with the release's libraries."""
        *ruby, _ = self.release.command("gem")
        return self.machine.run([*ruby, *arguments])

    def bundle(self, app: Path, *arguments: str, fails: bool = False) -> Run:
        """Run a command of Bundler in an application."""
        return self.machine.run([*self.release.command("bundle"), *arguments], cwd=app, fails=fails)

    def build(self, gem: Gem) -> Path:
        """Build a gem; returns its file."""
        folder = self.home / f"sources-{secrets.token_hex(4)}"
        self.gem("build", gem.write_sources(folder), cwd=folder)
        return folder / gem.file_name

    def remember(self, keys: Mapping[str, str]) -> None:
        """Write the credentials file: tokens by host, or by name with a colon before it."""
        folder = self.home / ".gem"
        folder.mkdir(exist_ok=True)
        file = folder / "credentials"
        file.touch(mode=0o600)
        lines = [f"{name}: {token}" for name, token in keys.items()]
        file.write_text("\n".join(["---", *lines, ""]))

    def remembered(self) -> dict[str, str]:
        """Return what the credentials files hold, by host."""
        files = (self.home / ".gem/credentials", self.home / ".local/share/gem/credentials")
        found: dict[str, str] = {}
        for file in filter(Path.exists, files):
            found |= yaml.safe_load(file.read_text())
        return found

    def push(self, file: Path, host: str, *options: str, fails: bool = False) -> Run:
        """Push a gem with the key that is remembered for the host."""
        return self.gem("push", file, "--host", host, *options, fails=fails)

    def install(self, source: str, *arguments: str, fails: bool = False) -> Run:
        """Install gems from one source alone; credentials are in its address."""
        where = ("--clear-sources", "--source", source, "--no-document")
        return self.gem("install", *where, *arguments, fails=fails)

    def installed(self, name: str) -> list[str]:
        """Return the installed versions of a gem, with their platforms."""
        found = (self.home / "gems/specifications").glob(f"{name}-*.gemspec")
        return sorted(file.stem.removeprefix(f"{name}-") for file in found)

    def app(self, source: str, *names: str, name: str = "app") -> Path:
        """Begin an application that needs gems of one source."""
        folder = self.machine.folder(name)
        gems = [f'gem "{one}"' for one in names]
        (folder / "Gemfile").write_text("\n".join([f'source "{source}"', *gems, ""]))
        return folder
