"""Uploading with every client (acceptance rows 1 to 5, and 24)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.clients.machine import UnexpectedEnd
from tests.clients.pypi.index import Index, sha256
from tests.clients.pypi.projects import CLASSIFIERS, HOMEPAGE, Release, new_name
from tests.clients.pypi.publishers import PUBLISHERS, twine, uv_publish, with_poetry

if TYPE_CHECKING:
    from tests.clients.pypi.author import Author
    from tests.clients.pypi.desk import Desk
    from tests.clients.pypi.publishers import Publisher
    from tests.clients.registry import People, Registry

pytestmark = pytest.mark.client

_CROWD = 50


def test_the_pages_say_what_twine_uploaded(desk: Desk, index: Index, author: Author) -> None:
    built = author.build("1.0")
    twine(desk, index, *built.files)
    files = index.files(author.name)
    page = index.detail(author.name, "text/html").body.decode()
    assert set(files) == {file.name for file in built.files}
    for file in built.files:
        digest = sha256(file.read_bytes())
        assert files[file.name]["hashes"]["sha256"] == digest
        assert f"{file.name}#sha256={digest}" in page
        assert index.download(files[file.name]["url"]).body == file.read_bytes()


def test_metadata_is_served_beside_the_wheel(desk: Desk, index: Index, author: Author) -> None:
    built = author.build("1.0")
    twine(desk, index, built.wheel)
    wheel = index.files(author.name)[built.wheel.name]
    metadata = index.download(f"{wheel['url']}.metadata")
    assert metadata.body.decode() == built.release.metadata()
    assert wheel["core-metadata"] == {"sha256": sha256(metadata.body)}


def test_the_same_upload_again_changes_nothing(desk: Desk, index: Index, author: Author) -> None:
    built = author.build("1.0")
    twine(desk, index, *built.files)
    before = index.detail(author.name).body
    twine(desk, index, *built.files)
    assert index.detail(author.name).body == before
    assert len(index.stored_files(built.release)) == len(built.files)


def test_uv_publishes_and_skips_what_is_there(desk: Desk, index: Index, author: Author) -> None:
    built = author.build("1.0")
    uv_publish(desk, index, *built.files)
    assert set(index.files(author.name)) == {file.name for file in built.files}
    again = uv_publish(desk, index, *built.files, options=("--check-url", index.signed_in))
    assert again.text.count("already exists, skipping") == len(built.files)


every_publisher = pytest.mark.parametrize(
    "publishes", PUBLISHERS, ids=lambda one: one.__name__.removeprefix("with_")
)


@every_publisher
def test_what_every_client_publishes_is_described(
    desk: Desk, index: Index, publishes: Publisher
) -> None:
    release = Release(name=new_name(), version="1.0")
    publishes(desk, index, release)
    assert {name.removeprefix(f"{release.module}-1.0") for name in index.files(release.name)} == {
        "-py3-none-any.whl",
        ".tar.gz",
    }
    about = index.about(release)
    assert about["requires_python"] == release.requires_python
    assert about["project_urls"] == {"Home": HOMEPAGE}
    assert tuple(about["classifiers"]) == CLASSIFIERS
    assert about["summary"] == release.summary


@every_publisher
def test_every_client_is_told_that_a_file_is_taken(
    desk: Desk, index: Index, author: Author, publishes: Publisher
) -> None:
    author.publish("1.0", remark="somebody was faster")
    before = index.detail(author.name).body
    with pytest.raises(UnexpectedEnd, match="File already exists"):
        publishes(desk, index, Release(name=author.name, version="1.0"))
    assert index.detail(author.name).body == before


def test_poetry_skips_what_is_there(desk: Desk, index: Index, author: Author) -> None:
    author.publish("1.0", remark="somebody was faster")
    before = index.detail(author.name).body
    with_poetry(desk, index, Release(name=author.name, version="1.0"), "--skip-existing")
    assert index.detail(author.name).body == before


@every_publisher
def test_every_client_is_told_who_may_only_read(
    desk: Desk, registry: Registry, people: People, author: Author, publishes: Publisher
) -> None:
    as_reader = Index(registry.origin, people.bob)
    with pytest.raises(UnexpectedEnd, match="developer"):
        publishes(desk, as_reader, Release(name=author.name, version="1.0"))
    assert author.index.detail(author.name).status == 404


def test_one_of_fifty_parallel_uploads_wins(index: Index, author: Author) -> None:
    built = [author.build("1.0", remark=f"attempt {number}") for number in range(_CROWD)]
    release = built[0].release
    with ThreadPoolExecutor(max_workers=_CROWD) as pool:
        answers = list(pool.map(lambda one: index.upload(one.wheel, release), built))
    winners = [one for one, answer in zip(built, answers, strict=True) if answer.status == 200]
    assert len(winners) == 1
    losers = [answer for answer in answers if answer.status != 200]
    assert {answer.status for answer in losers} == {400}
    assert all(b"File already exists" in answer.body for answer in losers)
    (stored,) = index.files(author.name).values()
    assert index.download(stored["url"]).body == winners[0].wheel.read_bytes()
