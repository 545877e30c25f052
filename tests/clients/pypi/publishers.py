"""The clients that upload, each in its own words."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.clients.machine import Run
    from tests.clients.pypi.desk import Desk
    from tests.clients.pypi.index import Index
    from tests.clients.pypi.projects import Release

    Publisher: TypeAlias = Callable[[Desk, Index, Release], None]


def twine(desk: Desk, index: Index, *files: Path, fails: bool = False) -> Run:
    """Upload files with twine."""
    where = ("--repository-url", index.upload_url, "--disable-progress-bar", "--non-interactive")
    who = ("-u", "__token__", "-p", index.token)
    return desk.run("twine", "upload", *where, *who, *files, fails=fails)


def uv_publish(
    desk: Desk, index: Index, *files: Path, options: tuple[str, ...] = (), fails: bool = False
) -> Run:
    """Upload files with uv."""
    where = ("--publish-url", index.upload_url, "--token", index.token)
    return desk.run("uv", "publish", *where, *options, *files, fails=fails)


def with_twine(desk: Desk, index: Index, release: Release) -> None:
    """Upload what was built elsewhere, with twine."""
    twine(desk, index, *release.build(desk.home).files)


def with_uv(desk: Desk, index: Index, release: Release) -> None:
    """Build and upload with uv."""
    sources = release.write_sources(desk.home / "sources")
    desk.run("uv", "build", cwd=sources)
    uv_publish(desk, index, *(sources / "dist").iterdir())


def with_hatch(desk: Desk, index: Index, release: Release) -> None:
    """Upload what was built elsewhere, with hatch."""
    built = release.build(desk.home)
    who = ("--user", "alice", "--auth", index.token)
    desk.run("hatch", "publish", "--no-prompt", "--repo", index.upload_url, *who, *built.files)


def with_flit(desk: Desk, index: Index, release: Release) -> None:
    """Build and upload with flit."""
    system = 'requires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"'
    sources = release.write_sources(desk.home / "sources", system)
    desk.machine.environment |= {
        "FLIT_INDEX_URL": index.upload_url,
        "FLIT_USERNAME": "alice",
        "FLIT_PASSWORD": index.token,
    }
    desk.run("flit", "publish", cwd=sources)


def with_poetry(desk: Desk, index: Index, release: Release, *options: str) -> None:
    """Build and upload with poetry."""
    system = 'requires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"'
    sources = release.write_sources(desk.home / "sources", system)
    desk.run("poetry", "config", "repositories.acme", index.upload_url)
    desk.run("poetry", "config", "http-basic.acme", "__token__", index.token)
    desk.run("poetry", "publish", "--build", "-r", "acme", "-n", *options, cwd=sources)


def with_pdm(desk: Desk, index: Index, release: Release) -> None:
    """Build and upload with pdm."""
    sources = release.write_sources(desk.home / "sources")
    who = ("-u", "__token__", "-P", index.token)
    desk.run("pdm", "publish", "-r", index.upload_url, *who, cwd=sources)


PUBLISHERS: tuple[Publisher, ...] = (
    with_twine,
    with_uv,
    with_hatch,
    with_flit,
    with_poetry,
    with_pdm,
)
