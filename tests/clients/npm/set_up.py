"""New machines, and package managers set up on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from tests.clients.machine import Machine
from tests.clients.npm.installed import COMPILED, NODE, installed
from tests.clients.npm.managers import PackageManager

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.registry import Account, Registry

Manager = TypeVar("Manager", bound=PackageManager)


class SetUp:
    """Sets package managers up, each on a machine that has seen none before."""

    def __init__(self, registry: Registry, folder: Path) -> None:
        self._registry = registry
        self._folder = folder
        self._count = 0

    def machine(self) -> Machine:
        """Return a new machine with Node.js on it."""
        self._count += 1
        programs = {"node": NODE, "npm": installed("npm11/bin/npm-cli.js")}
        machine = Machine(self._folder / f"machine-{self._count}", programs)
        machine.environment["NODE_COMPILE_CACHE"] = str(COMPILED)  # no manager keeps data there
        return machine

    def __call__(self, manager: type[Manager], account: Account | None, base: str = "") -> Manager:
        """Set one up for a person, or for nobody."""
        made = manager(self.machine())
        token = None if account is None else account.token
        made.configure(base or self._registry.base, token)
        return made
