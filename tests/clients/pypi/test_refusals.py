"""Who is refused what, and what they are told (acceptance rows 20 and 23)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.clients.pypi.index import Index
from tests.clients.pypi.publishers import twine, uv_publish
from tests.clients.registry import NOT_A_TOKEN

if TYPE_CHECKING:
    from tests.clients.pypi.author import Author
    from tests.clients.pypi.desk import Desk
    from tests.clients.registry import People, Registry

pytestmark = pytest.mark.client


@pytest.fixture
def as_nobody(registry: Registry) -> Index:
    """The index for who sends no credentials."""
    return Index(registry.origin, None)


@pytest.fixture
def as_impostor(registry: Registry, people: People) -> Index:
    """The index for who sends a token that is none."""
    return Index(registry.origin, replace(people.alice, token=NOT_A_TOKEN))


@pytest.fixture
def as_outsider(registry: Registry, people: People) -> Index:
    """The private index for who has no part in the organization, which may have public ones."""
    return Index(registry.origin, people.oscar, "/r/acme/pypi")


@pytest.fixture
def as_reader(registry: Registry, people: People) -> Index:
    """The index for who may only read there."""
    return Index(registry.origin, people.bob)


@pytest.mark.parametrize("who", ["as_nobody", "as_impostor"])
def test_without_credentials_that_hold_nothing_is_installed(
    desk: Desk, author: Author, who: str, request: pytest.FixtureRequest
) -> None:
    author.publish("1.0")
    index: Index = request.getfixturevalue(who)
    assert index.detail(author.name).status == 401
    by_pip = desk.newest_pip().install(index.signed_in, author.name, fails=True)
    assert "No matching distribution found" in by_pip.text
    by_uv = desk.uv_install(desk.environment(), index.signed_in, author.name, fails=True)
    assert "lack of valid authentication credentials (401 Unauthorized)" in by_uv.text


def test_an_outsider_does_not_learn_what_is_private(
    desk: Desk, author: Author, as_outsider: Index
) -> None:
    author.publish("1.0")
    assert as_outsider.detail(author.name).status == 404
    by_pip = desk.newest_pip().install(as_outsider.signed_in, author.name, fails=True)
    assert "No matching distribution found" in by_pip.text
    by_uv = desk.uv_install(desk.environment(), as_outsider.signed_in, author.name, fails=True)
    assert "was not found in the package registry" in by_uv.text


def test_a_reader_installs_and_does_not_upload(
    desk: Desk, author: Author, as_reader: Index
) -> None:
    author.publish("1.0")
    environment = desk.newest_pip()
    environment.install(as_reader.signed_in, author.name)
    assert environment.version_of(author.module) == "1.0"
    refused = twine(desk, as_reader, author.build("1.1").wheel, fails=True)
    assert "403" in refused.text
    assert "developer" in refused.text
    assert len(as_reader.files(author.name)) == 2


@pytest.mark.parametrize(("who", "status"), [("as_impostor", 401), ("as_outsider", 404)])
def test_who_may_not_upload_is_told_so(
    desk: Desk, author: Author, who: str, status: int, request: pytest.FixtureRequest
) -> None:
    index: Index = request.getfixturevalue(who)
    built = author.build("1.0")
    by_twine = twine(desk, index, built.wheel, fails=True)
    assert str(status) in by_twine.text
    by_uv = uv_publish(desk, index, built.wheel, fails=True)
    assert f"status code {status}" in by_uv.text
    assert author.index.detail(author.name).status == 404


def test_pip_lists_versions(desk: Desk, index: Index, author: Author) -> None:
    for version in ("1.0", "1.10", "1.9"):
        author.publish(version)
    where = ("--index-url", index.signed_in)
    listed = desk.newest_pip().pip("index", "versions", *where, author.name)
    assert "Available versions: 1.10, 1.9, 1.0" in listed.output


def test_pip_is_told_that_it_cannot_search_here(desk: Desk, index: Index) -> None:
    where = index.signed_in.removesuffix("simple/")
    refused = desk.newest_pip().pip("search", "--index", where, "anything", fails=True)
    assert "XML-RPC is not supported" in refused.text
    assert "Traceback" not in refused.text
