"""Applications that pin what they use (acceptance rows 7 and 8)."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.clients.pypi.index import sha256

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.clients.pypi.author import Author
    from tests.clients.pypi.desk import Desk
    from tests.clients.pypi.index import Index

pytestmark = pytest.mark.client

_PYPROJECT = """\
[project]
name = "app"
version = "1.0"
requires-python = ">=3.11"
{more}
"""
_UV = """
[[tool.uv.index]]
name = "acme"
url = {simple}
default = true
"""
_POETRY = """
[tool.poetry]
package-mode = false
[[tool.poetry.source]]
name = "acme"
url = {simple}
priority = "primary"
"""
_PDM = """
[tool.pdm]
distribution = false
[[tool.pdm.source]]
name = "pypi"
url = {simple}
"""


@dataclass(frozen=True, kw_only=True)
class Locker:
    """A client that writes a lockfile.

    Attributes:
        settings: what it wants in ``pyproject.toml``.
        lockfile: the file that pins what is installed.
        install_locked: the command that installs what it says, and nothing else.
    """

    program: str
    settings: str
    lockfile: str
    install_locked: tuple[str, ...]

    def sign_in(self, desk: Desk, username: str, token: str) -> None:
        """Let it know the credentials, in its own way."""
        if self.program == "poetry":
            desk.run("poetry", "config", "http-basic.acme", username, token)
        elif self.program == "pdm":
            desk.run("pdm", "config", "pypi.username", username)
            desk.run("pdm", "config", "pypi.password", token)
        else:
            desk.machine.environment |= {
                "UV_INDEX_ACME_USERNAME": username,
                "UV_INDEX_ACME_PASSWORD": token,
            }


LOCKERS = (
    Locker(
        program="uv",
        settings=_UV,
        lockfile="uv.lock",
        install_locked=("sync", "--frozen"),
    ),
    Locker(
        program="poetry",
        settings=_POETRY,
        lockfile="poetry.lock",
        install_locked=("install", "-n"),
    ),
    Locker(
        program="pdm",
        settings=_PDM,
        lockfile="pdm.lock",
        install_locked=("sync",),
    ),
)


@pytest.fixture(params=LOCKERS, ids=lambda locker: locker.program)
def locker(request: pytest.FixtureRequest) -> Locker:
    """Each of the clients that write lockfiles."""
    found: Locker = request.param
    return found


def new_app(desk: Desk, locker: Locker, index: Index) -> Path:
    folder = desk.machine.folder("app")
    more = locker.settings.format(simple=json.dumps(index.simple))
    (folder / "pyproject.toml").write_text(_PYPROJECT.format(more=more))
    return folder


def version_of(desk: Desk, app: Path, module: str) -> str:
    program = f"print(__import__({module!r}).VERSION)"
    return desk.machine.run([app / ".venv/bin/python", "-c", program]).output.strip()


def test_an_application_is_locked_and_installed_elsewhere(
    new_desk: Callable[[], Desk], locker: Locker, index: Index, author: Author
) -> None:
    built = author.publish("1.0")
    desk = new_desk()
    locker.sign_in(desk, "__token__", index.token)
    app = new_app(desk, locker, index)
    desk.run(locker.program, "add", author.name, cwd=app)
    assert version_of(desk, app, author.module) == "1.0"
    locked = (app / locker.lockfile).read_text()
    assert sha256(built.wheel.read_bytes()) in locked
    assert all(url.startswith(index.simple.removesuffix("simple/")) for url in urls_of(locked))
    assert index.token not in locked

    author.publish("1.1")
    colleague = new_desk()
    locker.sign_in(colleague, "__token__", index.token)
    copy = colleague.home / "app"
    shutil.copytree(app, copy, ignore=shutil.ignore_patterns(".venv", ".pdm-python"))
    colleague.run(locker.program, *locker.install_locked, cwd=copy)
    assert version_of(colleague, copy, author.module) == "1.0"


def urls_of(lockfile: str) -> list[str]:
    """Return every URL in a lockfile."""
    return re.findall(r"https?://[^\s\"']+", lockfile)


def test_uv_locks_the_addresses_of_the_registry(desk: Desk, index: Index, author: Author) -> None:
    built = author.publish("1.0")
    (uv,) = (one for one in LOCKERS if one.program == "uv")
    uv.sign_in(desk, "__token__", index.token)
    app = new_app(desk, uv, index)
    desk.run("uv", "add", author.name, cwd=app)
    locked = (app / "uv.lock").read_text()
    for file in built.files:
        assert index.files(author.name)[file.name]["url"] in urls_of(locked)
