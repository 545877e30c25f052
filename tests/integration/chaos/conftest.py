"""Several web processes over one set of services, and people who work with them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from app import create_app
from app.models import RepositoryRole
from tests.integration.chaos.traffic import Member
from tests.live import LiveServer, live_server
from tests.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from pymongo.database import Database

    from config.settings import Settings

ORGANIZATION = "acme"


@pytest.fixture
def outside(settings: Settings, database: Database[dict[str, Any]]) -> World:
    """Prepares things from a process that serves nobody."""
    del database
    return World(create_app(settings))


@pytest.fixture
def three_processes(
    settings: Settings, outside: World, tmp_path: Path
) -> Iterator[list[LiveServer]]:
    """Three web processes, each with a port of its own."""
    del outside
    with ExitStack() as stack:
        yield [
            stack.enter_context(live_server(settings, tmp_path / f"web-{number}.log"))
            for number in range(3)
        ]


def members(world: World, count: int, *, spare_tokens: int) -> list[Member]:
    """Make owners, each with a repository, a reader of it, and tokens to revoke."""
    founder = world.person("founder")
    world.organization(ORGANIZATION, founder)
    made = []
    for number in range(count):
        owner, reader = world.person(f"owner-{number}"), world.person(f"reader-{number}")
        repository = world.repository(ORGANIZATION, founder, f"npm-{number}")
        world.grant(repository, founder, owner, RepositoryRole.ADMIN)
        world.grant(repository, founder, reader, RepositoryRole.READER)
        tokens = [world.with_token(owner.user) for _ in range(spare_tokens)]
        made.append(Member(owner, reader, repository, f"npm-{number}", tokens))
    return made
