"""Somebody who works on a project, and uploads what they build by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.clients.pypi.projects import Distributions, Release

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.pypi.index import Index


class Author:
    """Builds and publishes releases of one project.

    Args:
        index: where to publish.
        folder: what is built is kept there.
    """

    def __init__(self, index: Index, folder: Path, name: str) -> None:
        self.index = index
        self.name = name
        self.module = Release(name=name, version="0").module
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def build(self, version: str, **more: Any) -> Distributions:
        """Build a release; ``more`` is that of :class:`Release`."""
        return Release(name=self.name, version=version, **more).build(self._folder)

    def publish(self, version: str, **more: Any) -> Distributions:
        """Build a release and upload it."""
        built = self.build(version, **more)
        self.index.publish(built)
        return built
