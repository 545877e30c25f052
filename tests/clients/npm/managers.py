"""JavaScript package managers, each as a person has set it up on a machine."""

from __future__ import annotations

import re
import shutil
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from tests.clients.npm.installed import NODE, installed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.clients.machine import Machine, Run
    from tests.clients.terminal import Terminal

_URL = re.compile(r"https?://[^\s\"',}#]+")


class PackageManager(ABC):
    """One release of one package manager.

    What all of them do has a method; the rest is for :meth:`run`, in the manager's own words.

    Attributes:
        alias: its name in ``tests/clients/javascript/package.json``.
        program: its executable file there; for bun, among the modules.
        lockfile: the file that pins what is installed.
        sign_in_file: where it keeps the token of a sign-in, below the home folder.
        keeps_packuments: whether it asks for a packument again only if it has changed.
    """

    alias: ClassVar[str]
    program: ClassVar[str]
    lockfile: ClassVar[str]
    sign_in_file: ClassVar[str] = ".npmrc"
    keeps_packuments: ClassVar[bool] = True

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def command(self, *arguments: str) -> list[str | Path]:
        """Return the whole command with these arguments."""
        return [NODE, installed(f"{self.alias}/{self.program}"), *arguments]

    def run(self, *arguments: str, cwd: Path | None = None, fails: bool = False) -> Run:
        """Run a command, which has to succeed, or with ``fails`` has to fail."""
        return self.machine.run(self.command(*arguments), cwd=cwd, fails=fails)

    def converse(
        self, *arguments: str, answers: Sequence[tuple[str, str]], cwd: Path | None = None
    ) -> str:
        """Run a command in a terminal and answer what it asks; returns what it showed."""
        return self.machine.converse(self.command(*arguments), answers, cwd=cwd)

    def terminal(self, *arguments: str) -> Terminal:
        """Start a command in a terminal."""
        return self.machine.terminal(self.command(*arguments))

    def configure(self, base: str, token: str | None) -> None:
        """Point it at a registry; without a token it is nobody there."""
        (self.machine.home / ".npmrc").write_text("\n".join(npmrc(base, token)) + "\n")

    @abstractmethod
    def publish(self, folder: Path, *, fails: bool = False) -> Run:
        """Publish the package in a folder."""

    @abstractmethod
    def add(self, folder: Path, *packages: str, fails: bool = False) -> Run:
        """Add packages to the application in a folder: resolve, install, write the lockfile."""

    @abstractmethod
    def install_locked(self, folder: Path) -> Run:
        """Install exactly what the lockfile says, as CI does."""

    def clone(self, folder: Path) -> Path:
        """Copy an application to this machine, as from its repository."""
        copy = self.machine.home / folder.name
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("node_modules", ".yarn"))
        return copy

    def locked_urls(self, folder: Path) -> list[str]:
        """Return every URL in the lockfile."""
        return _URL.findall((folder / self.lockfile).read_text())


def npmrc(base: str, token: str | None) -> list[str]:
    """Return the lines that the documentation tells people to write into ``.npmrc``."""
    lines = [f"registry={base}"]
    if token is not None:
        where = urlsplit(base)
        lines.append(f"//{where.netloc}{where.path}:_authToken={token}")
    return lines


class Npm11(PackageManager):
    alias = "npm11"
    program = "bin/npm-cli.js"
    lockfile = "package-lock.json"

    def publish(self, folder: Path, *, fails: bool = False) -> Run:
        return self.run("publish", cwd=folder, fails=fails)

    def add(self, folder: Path, *packages: str, fails: bool = False) -> Run:
        return self.run("install", *packages, cwd=folder, fails=fails)

    def install_locked(self, folder: Path) -> Run:
        return self.run("ci", cwd=folder)


class Npm10(Npm11):
    alias = "npm10"


class Pnpm11(PackageManager):
    alias = "pnpm11"
    program = "bin/pnpm.cjs"
    lockfile = "pnpm-lock.yaml"
    sign_in_file = ".config/pnpm/auth.ini"

    def publish(self, folder: Path, *, fails: bool = False) -> Run:
        return self.run("publish", "--no-git-checks", cwd=folder, fails=fails)

    def add(self, folder: Path, *packages: str, fails: bool = False) -> Run:
        return self.run("add", *packages, cwd=folder, fails=fails)

    def install_locked(self, folder: Path) -> Run:
        return self.run("install", "--frozen-lockfile", cwd=folder)


class Pnpm10(Pnpm11):
    """Publishes by means of npm, and has to be told of ours: the wheel's own does not start."""

    alias = "pnpm10"
    keeps_packuments = False

    def configure(self, base: str, token: str | None) -> None:
        super().configure(base, token)
        with (self.machine.home / ".npmrc").open("a") as file:
            file.write(f"npm-path={self.machine.home / 'bin/npm'}\n")


class Yarn1(PackageManager):
    alias = "yarn1"
    program = "bin/yarn.js"
    lockfile = "yarn.lock"
    keeps_packuments = False

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        # To root it gives one home and cache for the whole machine, unless root is not real.
        machine.environment["FAKEROOTKEY"] = "1"

    def configure(self, base: str, token: str | None, *, always_auth: bool = True) -> None:
        lines = [*npmrc(base, token), *(["always-auth=true"] if always_auth else [])]
        (self.machine.home / ".npmrc").write_text("\n".join(lines) + "\n")

    def publish(self, folder: Path, *, fails: bool = False) -> Run:
        return self.run("publish", "--non-interactive", cwd=folder, fails=fails)

    def add(self, folder: Path, *packages: str, fails: bool = False) -> Run:
        return self.run("add", "--non-interactive", *packages, cwd=folder, fails=fails)

    def install_locked(self, folder: Path) -> Run:
        return self.run("install", "--non-interactive", "--frozen-lockfile", cwd=folder)


class Yarn4(PackageManager):
    alias = "yarn4"
    program = "bin/yarn.js"
    lockfile = "yarn.lock"

    def configure(self, base: str, token: str | None) -> None:
        lines = [
            f'npmRegistryServer: "{base.removesuffix("/")}"',
            "npmMinimalAgeGate: 0",
            "nodeLinker: node-modules",
            "enableTelemetry: false",
            f'unsafeHttpWhitelist: ["{urlsplit(base).hostname}"]',
        ]
        if token is not None:
            lines += [f'npmAuthToken: "{token}"', "npmAlwaysAuth: true"]
        (self.machine.home / ".yarnrc.yml").write_text("\n".join(lines) + "\n")

    def publish(self, folder: Path, *, fails: bool = False) -> Run:
        self._begin(folder)
        self.run("install", cwd=folder)  # It packs only what it has installed.
        return self.run("npm", "publish", cwd=folder, fails=fails)

    def add(self, folder: Path, *packages: str, fails: bool = False) -> Run:
        self._begin(folder)
        return self.run("add", *packages, cwd=folder, fails=fails)

    def install_locked(self, folder: Path) -> Run:
        return self.run("install", "--immutable", cwd=folder)

    def _begin(self, folder: Path) -> None:
        """Tell it that the folder is a project of its own, by a lockfile."""
        (folder / self.lockfile).touch()


class Bun(PackageManager):
    alias = "bun"
    program = "@oven/bun-*/bin/bun"
    lockfile = "bun.lock"

    def command(self, *arguments: str) -> list[str | Path]:
        return [installed(self.program), *arguments]

    def publish(self, folder: Path, *, fails: bool = False) -> Run:
        return self.run("publish", cwd=folder, fails=fails)

    def add(self, folder: Path, *packages: str, fails: bool = False) -> Run:
        return self.run("add", *packages, cwd=folder, fails=fails)

    def install_locked(self, folder: Path) -> Run:
        return self.run("install", "--frozen-lockfile", cwd=folder)


NPM: tuple[type[PackageManager], ...] = (Npm10, Npm11)
EVERY_ONE: tuple[type[PackageManager], ...] = (*NPM, Pnpm10, Pnpm11, Yarn1, Yarn4, Bun)
