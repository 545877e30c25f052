"""What is yanked, deleted, archived or quarantined (acceptance row 14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.pypi.installed import pips
from tests.clients.pypi.publishers import twine

if TYPE_CHECKING:
    from tests.clients.pypi.author import Author
    from tests.clients.pypi.desk import Desk
    from tests.clients.pypi.index import Index

pytestmark = pytest.mark.client

REASON = "It eats <all> the biscuits"


@pytest.fixture
def yanked(index: Index, author: Author) -> str:
    """A project of which the newest release, 1.4, is yanked."""
    author.publish("1.3")
    newest = author.publish("1.4")
    index.yank(newest.release, REASON)
    return author.name


@pytest.mark.parametrize("pip", pips())
def test_pip_takes_a_yanked_release_only_where_it_is_asked_for(
    desk: Desk, index: Index, author: Author, yanked: str, pip: str
) -> None:
    environment = desk.environment(pip)
    environment.install(index.signed_in, yanked)
    assert environment.version_of(author.module) == "1.3"
    warned = environment.install(index.signed_in, f"{yanked}==1.4")
    assert environment.version_of(author.module) == "1.4"
    assert "yanked version" in warned.text
    assert REASON in warned.text


def test_uv_takes_a_yanked_release_only_where_it_is_asked_for(
    desk: Desk, index: Index, author: Author, yanked: str
) -> None:
    environment = desk.environment()
    desk.uv_install(environment, index.signed_in, yanked)
    assert environment.version_of(author.module) == "1.3"
    warned = desk.uv_install(environment, index.signed_in, f"{yanked}==1.4")
    assert environment.version_of(author.module) == "1.4"
    assert REASON in warned.text


def test_a_deleted_file_stays_taken(desk: Desk, index: Index, author: Author) -> None:
    author.publish("1.0")
    deleted = author.publish("1.1")
    index.delete(deleted.release)
    environment = desk.newest_pip()
    environment.install(index.signed_in, author.name)
    assert environment.version_of(author.module) == "1.0"
    refused = twine(desk, index, deleted.wheel, fails=True)
    assert "previously used by a file that has since been deleted" in " ".join(refused.text.split())


def test_an_archived_project_is_installed_and_takes_no_uploads(
    desk: Desk, index: Index, author: Author
) -> None:
    author.publish("1.0")
    index.set_status(author.name, "archived")
    environment = desk.newest_pip()
    environment.install(index.signed_in, author.name)
    assert environment.version_of(author.module) == "1.0"
    refused = twine(desk, index, author.build("1.1").wheel, fails=True)
    assert "403" in refused.text
    assert "archived" in refused.text


def test_a_quarantined_project_is_not_installed(desk: Desk, index: Index, author: Author) -> None:
    built = author.publish("1.0")
    url = index.files(author.name)[built.wheel.name]["url"]
    index.set_status(author.name, "quarantined")
    assert index.files(author.name) == {}
    assert index.download(url).status == 404
    desk.newest_pip().install(index.signed_in, author.name, fails=True)
    desk.uv_install(desk.environment(), index.signed_in, author.name, fails=True)
    index.set_status(author.name, "active")
    desk.uv_install(desk.environment(), index.signed_in, author.name)
