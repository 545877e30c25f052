"""Gems that everybody may read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.clients.registry import COMMONS, NOT_A_TOKEN
from tests.clients.rubygems.author import Author
from tests.clients.rubygems.gems import new_name
from tests.clients.rubygems.source import Source

if TYPE_CHECKING:
    from tests.clients.registry import People, Registry
    from tests.clients.rubygems.desk import Desk

pytestmark = pytest.mark.client

PREFIX = f"/o/{COMMONS}"


@pytest.fixture
def commoner(registry: Registry, people: People, desk: Desk) -> Author:
    """Olivia, who works on a gem for everybody."""
    return Author(Source(registry.origin, people.olivia, PREFIX), desk, new_name())


def test_anybody_installs(desk: Desk, commoner: Author) -> None:
    commoner.publish("1.0.0")
    desk.install(commoner.source.base, commoner.name)
    assert desk.installed(commoner.name) == ["1.0.0"]
    app = desk.app(commoner.source.base, commoner.name)
    desk.bundle(app, "install")
    assert f"{commoner.name} (1.0.0)" in (app / "Gemfile.lock").read_text()


def test_wrong_credentials_are_refused_here_too(
    desk: Desk, registry: Registry, people: People, commoner: Author
) -> None:
    commoner.publish("1.0.0")
    impostor = Source(registry.origin, replace(people.bob, token=NOT_A_TOKEN), PREFIX)
    refused = desk.bundle(desk.app(impostor.signed_in, commoner.name), "install", fails=True)
    assert "Bad username or password" in refused.text


def test_not_everybody_pushes(desk: Desk, people: People, commoner: Author) -> None:
    desk.remember({commoner.source.host: people.oscar.token})
    built = commoner.build("1.0.0")
    refused = desk.push(built.file, commoner.source.host, fails=True)
    assert "developer" in refused.output
    assert commoner.source.get(f"gems/{built.gem.file_name}").status == 404
