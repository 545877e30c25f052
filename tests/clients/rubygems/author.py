"""Somebody who works on a gem, and pushes what they build by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.clients.rubygems.gems import Gem

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.rubygems.desk import Desk
    from tests.clients.rubygems.source import Source


@dataclass(frozen=True)
class Built:
    """A gem and its file."""

    gem: Gem
    file: Path


class Author:
    """Builds and publishes versions of one gem.

    Args:
        source: where to publish.
        desk: where to build.
    """

    def __init__(self, source: Source, desk: Desk, name: str) -> None:
        self.source = source
        self.desk = desk
        self.name = name

    def build(self, version: str, **more: Any) -> Built:
        """Build a version; ``more`` is that of :class:`Gem`."""
        gem = Gem(name=self.name, version=version, **more)
        return Built(gem, self.desk.build(gem))

    def publish(self, *versions: str, **more: Any) -> list[Built]:
        """Build versions and push them, in this order."""
        built = [self.build(version, **more) for version in versions]
        for one in built:
            answer = self.source.push(one.file)
            assert answer.status == 200, answer
        return built
