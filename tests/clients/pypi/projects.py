"""Python projects as their authors have them in a folder, and what they upload."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.clients.pypi import backend

IN_TREE = """\
requires = []
build-backend = "backend"
backend-path = ["."]
"""
"""The build system of a project that brings its own."""
CLASSIFIERS = ("Intended Audience :: Developers", "Programming Language :: Python :: 3")
HOMEPAGE = "https://homepage.test/"


def new_name(base: str = "My.Pkg") -> str:
    """Return a name that no other test uses, spelled as no client asks for it."""
    return f"{base}.{secrets.token_hex(4)}"


def normalized(name: str) -> str:
    """Return the name as it is in URLs."""
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(frozen=True, kw_only=True)
class Release:
    """One version of a project of one module, whose ``VERSION`` says which it is.

    Attributes:
        remark: what tells two builds of the same release apart.
        data_bytes: the size of a file that does not shrink, in the wheel.
    """

    name: str
    version: str
    requires_python: str = ">=3.8"
    dependencies: tuple[str, ...] = ()
    remark: str = ""
    data_bytes: int = 0

    @property
    def summary(self) -> str:
        """What it says of itself; not all of it is ASCII."""
        return f"{self.name} in a test: naïve, ☃"

    @property
    def module(self) -> str:
        """The name of its module, and how files' names begin."""
        return normalized(self.name).replace("-", "_")

    def write_sources(self, folder: Path, build_system: str = IN_TREE) -> Path:
        """Write the sources into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.module}.py").write_text(f'VERSION = "{self.version}"\n# {self.remark}\n')
        (folder / "PKG-INFO").write_text(self.metadata(), encoding="utf-8")
        (folder / "pyproject.toml").write_text(self._pyproject(build_system), encoding="utf-8")
        if self.data_bytes:
            (folder / f"{self.module}.bin").write_bytes(os.urandom(self.data_bytes))
        shutil.copyfile(backend.__file__, folder / "backend.py")
        return folder

    def build(self, folder: Path) -> Distributions:
        """Build a wheel and a source distribution into a folder."""
        sources = self.write_sources(folder / f"sources-{secrets.token_hex(4)}")
        built = folder / f"dist-{secrets.token_hex(4)}"
        built.mkdir()
        return Distributions(
            release=self,
            wheel=backend.write_wheel(sources, built),
            sdist=backend.write_sdist(sources, built),
        )

    def metadata(self) -> str:
        """Return the core metadata, as in METADATA and PKG-INFO."""
        lines = [
            "Metadata-Version: 2.4",
            f"Name: {self.name}",
            f"Version: {self.version}",
            f"Summary: {self.summary}",
            f"Requires-Python: {self.requires_python}",
            f"Project-URL: Home, {HOMEPAGE}",
            *(f"Classifier: {classifier}" for classifier in CLASSIFIERS),
            *(f"Requires-Dist: {dependency}" for dependency in self.dependencies),
        ]
        return "\n".join([*lines, ""])

    def _pyproject(self, build_system: str) -> str:
        project = {
            "name": self.name,
            "version": self.version,
            "description": self.summary,
            "requires-python": self.requires_python,
            "classifiers": CLASSIFIERS,
            "dependencies": self.dependencies,
        }
        # JSON's strings and arrays of strings are TOML's, too.
        lines = [
            f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in project.items()
        ]
        return "\n".join(
            [
                "[build-system]",
                build_system,
                "[project]",
                *lines,
                "[project.urls]",
                f'Home = "{HOMEPAGE}"',
                "[tool.flit.module]",
                f'name = "{self.module}"',
                "",
            ]
        )


@dataclass(frozen=True, kw_only=True)
class Distributions:
    """The files of one release."""

    release: Release
    wheel: Path
    sdist: Path

    @property
    def files(self) -> list[Path]:
        """Both of them."""
        return [self.wheel, self.sdist]
