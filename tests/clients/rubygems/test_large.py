"""A gem of 100 MB comes in and goes out in little memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.memory import MIB, workers_stay_small
from tests.clients.rubygems.desk import Desk
from tests.clients.rubygems.installed import releases

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.registry import Registry
    from tests.clients.rubygems.author import Author
    from tests.clients.rubygems.source import Source

pytestmark = pytest.mark.client


def test_a_large_gem_comes_in_and_goes_out(
    source: Source, author: Author, registry: Registry, tmp_path: Path
) -> None:
    built = author.build("1.0.0", data_bytes=100 * MIB)
    desk = Desk(tmp_path / "desk", releases()[-1])
    desk.remember({source.host: registry.people.alice.token})
    with workers_stay_small(registry):
        desk.push(built.file, source.host)
        desk.install(source.signed_in, author.name)
    installed = desk.home / f"gems/gems/{built.gem.full_name}/lib/{author.name}.bin"
    assert installed.read_bytes() == (built.file.parent / f"lib/{author.name}.bin").read_bytes()
