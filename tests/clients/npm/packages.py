"""Packages as their authors have them in a folder, and applications that use them."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.clients.machine import Machine

_INDEX = """\
const { name, version, dependencies = {} } = require("./package.json");
const needed = () => Object.keys(dependencies).flatMap((one) => require(one)());
module.exports = () => [`${name}@${version}`, ...needed()];
"""
_CLI = """\
#!/usr/bin/env node
console.log(require("./index.js")().join(" "));
"""


def new_name(base: str = "@acme/thing") -> str:
    """Return a name that no other test uses."""
    return f"{base}-{secrets.token_hex(4)}"


@dataclass(frozen=True)
class Sources:
    """A package that is being worked on: a function that lists itself and what it needs."""

    folder: Path
    name: str

    @property
    def base_name(self) -> str:
        """The name without its scope."""
        return self.name.rpartition("/")[2]

    def write(
        self, version: str, dependencies: Mapping[str, str] | None = None, **more: Any
    ) -> Path:
        """Write the sources of a version, and return their folder."""
        manifest = {
            "name": self.name,
            "version": version,
            "description": f"{self.name} in a test",
            "license": "MIT",
            "main": "index.js",
            "bin": "./cli.js",
            "dependencies": dict(dependencies or {}),
            **more,
        }
        (self.folder / "package.json").write_text(json.dumps(manifest, indent=2))
        (self.folder / "index.js").write_text(_INDEX)
        (self.folder / "cli.js").write_text(_CLI)
        (self.folder / "README.md").write_text(f"# {self.name}\n")
        return self.folder


def new_sources(machine: Machine, name: str) -> Sources:
    """Begin a package on a machine."""
    return Sources(machine.folder(f"sources-{secrets.token_hex(4)}"), name)


def new_app(machine: Machine, name: str = "app") -> Path:
    """Begin an application on a machine."""
    folder = machine.folder(name)
    manifest = {"name": name, "version": "1.0.0", "private": True, "license": "MIT"}
    (folder / "package.json").write_text(json.dumps(manifest))
    return folder


def call(machine: Machine, app: Path, package: str) -> list[str]:
    """Call an installed package's function, in an application."""
    program = f"console.log(JSON.stringify(require({json.dumps(package)})()))"
    found: list[str] = machine.run(["node", "-e", program], cwd=app).json()
    return found


def installed_version(app: Path, package: str) -> str:
    """Return which version of a package is in an application's ``node_modules``."""
    manifest = json.loads((app / "node_modules" / package / "package.json").read_text())
    found: str = manifest["version"]
    return found
