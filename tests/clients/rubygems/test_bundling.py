"""Bundler (acceptance rows 10 to 13, and 19)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.clients.registry import NOT_A_TOKEN
from tests.clients.rubygems.source import Source

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.recorder import Recorder
    from tests.clients.registry import People
    from tests.clients.rubygems.author import Author
    from tests.clients.rubygems.desk import Desk

pytestmark = pytest.mark.client


@pytest.fixture
def app(desk: Desk, recorded: Source, author: Author, people: People) -> Path:
    """An application that needs the author's gem, where Bundler knows Bob's token."""
    folder = desk.app(recorded.base, author.name)
    desk.bundle(folder, "config", "set", "--local", recorded.base, f"bob:{people.bob.token}")
    return folder


def locked(app: Path, author: Author) -> str:
    """Return the version of the author's gem in the lockfile."""
    lines = [line.split() for line in (app / "Gemfile.lock").read_text().splitlines()]
    (found,) = (
        version.strip("()") for name, version in filter(is_pair, lines) if name == author.name
    )
    return found


def is_pair(words: list[str]) -> bool:
    return len(words) == 2 and words[1].startswith("(")


def asked(recorder: Recorder) -> list[str]:
    """Return what was asked below the source, and how it was answered."""
    return [f"{one.path.rpartition('/rubygems/')[2]} {one.status}" for one in recorder.take()]


def test_bundler_asks_for_no_more_than_it_needs(
    desk: Desk, app: Path, author: Author, recorder: Recorder
) -> None:
    author.publish("1.0.0", "1.1.0")
    desk.bundle(app, "install")
    assert locked(app, author) == "1.1.0"
    assert desk.installed(author.name) == ["1.1.0"]
    assert asked(recorder) == [
        "versions 200",
        f"info/{author.name} 200",
        f"gems/{author.name}-1.1.0.gem 200",
    ]


def test_bundler_reads_credentials_from_the_environment(
    desk: Desk, source: Source, author: Author, people: People
) -> None:
    author.publish("1.0.0")
    password = people.bob.password.replace(" ", "%20")
    desk.machine.environment["BUNDLE_127__0__0__1"] = f"bob%40packhouse.test:{password}"
    app = desk.app(source.base, author.name)
    desk.bundle(app, "install")
    assert locked(app, author) == "1.0.0"


def test_bundler_says_that_it_needs_credentials(desk: Desk, source: Source, author: Author) -> None:
    author.publish("1.0.0")
    app = desk.app(source.base, author.name)
    refused = desk.bundle(app, "install", fails=True)
    assert "Authentication is required for" in refused.text


def test_bundler_says_that_credentials_are_wrong(
    desk: Desk, source: Source, author: Author, people: People
) -> None:
    author.publish("1.0.0")
    impostor = replace(people.bob, token=NOT_A_TOKEN)
    wrong = Source(source.origin, impostor)
    app = desk.app(wrong.signed_in, author.name)
    refused = desk.bundle(app, "install", fails=True)
    assert "Bad username or password" in refused.text


def test_an_outsider_does_not_learn_what_is_private(
    desk: Desk, source: Source, author: Author, people: People
) -> None:
    author.publish("1.0.0")
    everywhere = Source(source.origin, people.oscar, prefix="")
    app = desk.app(everywhere.signed_in, author.name, name="everywhere")
    refused = desk.bundle(app, "install", fails=True)
    assert f"Could not find gem '{author.name}'" in refused.text
    there = Source(source.origin, people.oscar, prefix="/r/acme/rubygems")
    app = desk.app(there.signed_in, author.name, name="there")
    refused = desk.bundle(app, "install", fails=True)
    assert f"There is no rubygems repository at {there.base}. 404" in refused.text


def test_an_update_reads_only_what_is_new(
    desk: Desk, app: Path, author: Author, recorder: Recorder
) -> None:
    author.publish("1.2.0")
    desk.bundle(app, "install")
    recorder.take()
    author.publish("1.3.0")
    desk.bundle(app, "update", "--all")
    assert locked(app, author) == "1.3.0"
    assert asked(recorder)[:2] == ["versions 206", f"info/{author.name} 206"]
    desk.bundle(app, "update", "--all")
    assert asked(recorder) == ["versions 304"]


@pytest.mark.parametrize("status", [404, 500])
def test_bundler_falls_back_to_the_old_lists(
    desk: Desk, app: Path, author: Author, recorder: Recorder, status: int
) -> None:
    author.publish("1.0.0", "1.1.0")
    recorder.refuse("/versions", status)
    desk.bundle(app, "install")
    assert locked(app, author) == "1.1.0"
    assert desk.installed(author.name) == ["1.1.0"]
    assert "specs.4.8.gz 200" in asked(recorder)
