"""Yanking (acceptance rows 14 and 15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.clients.registry import People
    from tests.clients.rubygems.author import Author
    from tests.clients.rubygems.desk import Desk
    from tests.clients.rubygems.source import Source

pytestmark = pytest.mark.client


@pytest.fixture
def signed_in(desk: Desk, source: Source, people: People) -> Desk:
    """A machine that remembers Alice's token for the source."""
    desk.remember({source.host: people.alice.token})
    return desk


def test_a_yanked_version_is_gone_and_never_comes_back(
    signed_in: Desk, source: Source, author: Author
) -> None:
    _, last = author.publish("1.2.0", "1.3.0")
    app = signed_in.app(source.signed_in, author.name)
    signed_in.bundle(app, "lock")
    assert f"{author.name} (1.3.0)" in (app / "Gemfile.lock").read_text()
    yanked = signed_in.gem("yank", author.name, "-v", "1.3.0", "--host", source.host)
    assert f"Successfully deleted gem: {author.name} (1.3.0)" in yanked.output
    refused = signed_in.bundle(app, "install", fails=True)
    assert f"Your bundle is locked to {author.name} (1.3.0)" in refused.text
    # Not by an update: Bundler 2.6 never goes back behind what is locked.
    (app / "Gemfile.lock").unlink()
    signed_in.bundle(app, "install")
    assert f"{author.name} (1.2.0)" in (app / "Gemfile.lock").read_text()
    assert source.versions(author.name)[-1].startswith("-1.3.0 ")
    assert source.get(f"gems/{last.gem.file_name}").status == 404
    assert source.get(f"quick/Marshal.4.8/{last.gem.full_name}.gemspec.rz").status == 404
    refused = signed_in.push(last.file, source.host, fails=True)
    assert "A yanked version already exists" in refused.output


def test_only_the_variant_of_a_platform_is_yanked(
    signed_in: Desk, source: Source, author: Author
) -> None:
    (ruby,) = author.publish("1.0.0")
    (linux,) = author.publish("1.0.0", platform="x86_64-linux")
    where = ("-v", "1.0.0", "--platform", "x86_64-linux", "--host", source.host)
    signed_in.gem("yank", author.name, *where)
    assert source.get(f"gems/{linux.gem.file_name}").status == 404
    assert source.get(f"gems/{ruby.gem.file_name}").status == 200
    (line,) = source.info(author.name)
    assert line.startswith("1.0.0 ")


def test_gem_shows_that_there_is_nothing_to_yank(
    signed_in: Desk, source: Source, author: Author
) -> None:
    author.publish("1.0.0")
    where = ("--host", source.host)
    shown = signed_in.gem("yank", author.name, "-v", "1.0.1", *where)  # it ends well all the same
    assert "The version 1.0.1 does not exist" in shown.output
    shown = signed_in.gem("yank", "nobody-has-it", "-v", "1.0.0", *where)
    assert "This gem could not be found" in shown.output
    assert source.info(author.name)
