"""An index that everybody may read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.clients.pypi.author import Author
from tests.clients.pypi.index import Index
from tests.clients.pypi.installed import pips
from tests.clients.pypi.projects import new_name
from tests.clients.pypi.publishers import twine
from tests.clients.registry import COMMONS, NOT_A_TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.pypi.desk import Desk
    from tests.clients.registry import People, Registry

pytestmark = pytest.mark.client

PREFIX = f"/o/{COMMONS}"


@pytest.fixture
def commoner(registry: Registry, people: People, tmp_path: Path) -> Author:
    """Olivia, who works on a project for everybody."""
    index = Index(registry.origin, people.olivia, PREFIX)
    return Author(index, tmp_path / "author", new_name())


@pytest.mark.parametrize("pip", pips())
def test_anybody_installs_with_pip(desk: Desk, commoner: Author, pip: str) -> None:
    commoner.publish("1.0")
    environment = desk.environment(pip)
    environment.install(commoner.index.simple, commoner.name)
    assert environment.version_of(commoner.module) == "1.0"


def test_anybody_installs_with_uv(desk: Desk, commoner: Author) -> None:
    commoner.publish("1.0")
    environment = desk.environment()
    desk.uv_install(environment, commoner.index.simple, commoner.name)
    assert environment.version_of(commoner.module) == "1.0"


def test_wrong_credentials_are_refused_here_too(
    desk: Desk, registry: Registry, people: People, commoner: Author
) -> None:
    commoner.publish("1.0")
    impostor = Index(registry.origin, replace(people.bob, token=NOT_A_TOKEN), PREFIX)
    refused = desk.uv_install(desk.environment(), impostor.signed_in, commoner.name, fails=True)
    assert "401 Unauthorized" in refused.text


def test_not_everybody_uploads(
    desk: Desk, registry: Registry, people: People, commoner: Author
) -> None:
    outsider = Index(registry.origin, people.oscar, PREFIX)
    refused = twine(desk, outsider, commoner.build("1.0").wheel, fails=True)
    assert "403" in refused.text
    assert "developer" in refused.text
    assert commoner.index.detail(commoner.name).status == 404
