"""Installing and looking around with gem (acceptance rows 8, 9, 17, 18 and 20)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.rubygems.author import Author
from tests.clients.rubygems.gems import new_name
from tests.clients.rubygems.installed import DEBIAN
from tests.clients.rubygems.source import with_user

if TYPE_CHECKING:
    from tests.clients.recorder import Recorder
    from tests.clients.registry import People
    from tests.clients.rubygems.desk import Desk
    from tests.clients.rubygems.source import Source

pytestmark = pytest.mark.client

INDEXES = ("specs.4.8.gz", "latest_specs.4.8.gz", "prerelease_specs.4.8.gz")
_LOAD_INDEX = """\
require "zlib"
require "json"
tuples = Marshal.load(Zlib.gunzip(File.binread(ARGV[0])))
puts JSON.dump(tuples.map { |name, version, platform| [name, version.to_s, platform] })
"""
_SHOW_SPECIFICATION = """\
require "zlib"
require "json"
require "rubygems/package"
file = ARGV[0]
if file.end_with?(".gem")
  spec = Marshal.load(Marshal.dump(Gem::Package.new(file).spec))
elsif Gem::VERSION > "3.5"
  require "rubygems/safe_marshal"
  spec = Gem::SafeMarshal.safe_load(Zlib.inflate(File.binread(file)))
else
  spec = Marshal.load(Zlib.inflate(File.binread(file)))
end
puts JSON.dump(
  name: spec.full_name, summary: spec.summary, description: spec.description,
  authors: spec.authors, email: spec.email, homepage: spec.homepage, licenses: spec.licenses,
  metadata: spec.metadata, ruby: spec.required_ruby_version.to_s,
  rubygems: spec.required_rubygems_version.to_s,
  dependencies: spec.dependencies.map { |one| [one.name, one.type, one.requirement.to_s] },
)
"""


@pytest.fixture
def bobs(recorded: Source, people: People) -> str:
    """The source at the recorder's address, with Bob's e-mail address and password in it."""
    return with_user(recorded.base, "bob@packhouse.test", people.bob.password)


def test_gem_installs_without_reading_whole_lists(
    desk: Desk, author: Author, recorder: Recorder, bobs: str
) -> None:
    author.publish("1.0.0", "1.1.0")
    desk.install(bobs, author.name)
    assert desk.installed(author.name) == ["1.1.0"]
    asked = [f"{one.method} {one.path.rpartition('/rubygems/')[2]}" for one in recorder.take()]
    first = "HEAD " if desk.release.rubygems == DEBIAN else "HEAD versions"
    assert asked == [
        first,
        f"GET info/{author.name}",
        f"GET quick/Marshal.4.8/{author.name}-1.1.0.gemspec.rz",
        f"GET gems/{author.name}-1.1.0.gem",
    ]


def test_gem_installs_from_the_old_lists_too(
    desk: Desk, author: Author, recorder: Recorder, bobs: str
) -> None:
    author.publish("1.0.0", "1.1.0")
    for probe in ("rubygems/", "rubygems/versions"):
        recorder.refuse(probe, 404)
    desk.install(bobs, author.name)
    assert desk.installed(author.name) == ["1.1.0"]
    asked = [one.path.rpartition("/")[2] for one in recorder.take() if one.status == 200]
    assert "specs.4.8.gz" in asked
    assert f"{author.name}" not in asked


@pytest.fixture
def platforms(author: Author) -> Author:
    """Alice, who has published versions for several platforms."""
    author.publish("1.0.0", dependencies={"dep-of-it": ("~> 1.0", "!= 1.0.5")})
    author.publish("1.1.0")
    author.publish("1.1.0", platform="x86_64-linux")
    author.publish("2.0.0.rc1")
    return author


def test_gem_lists_and_finds(desk: Desk, source: Source, platforms: Author) -> None:
    where = ("--clear-sources", "--source", source.signed_in)
    name = platforms.name
    every = desk.gem("list", "--remote", "--all", *where, name).output
    assert f"{name} (1.1.0 ruby x86_64-linux, 1.0.0)" in every
    newest = desk.gem("search", *where, name).output
    assert f"{name} (1.1.0 ruby x86_64-linux)" in newest
    early = desk.gem("list", "--remote", "--prerelease", *where, name).output
    assert f"{name} (2.0.0.rc1" in early


def test_gem_shows_a_specification(desk: Desk, source: Source, platforms: Author) -> None:
    where = ("--remote", "--clear-sources", "--source", source.signed_in)
    shown = desk.gem("specification", platforms.name, "-v", "1.0.0", *where).output
    for part in (f"name: {platforms.name}", "dep-of-it", "1.0.5", "https://changelog.test/"):
        assert part in shown


def test_gem_fetches_the_very_file(desk: Desk, source: Source, author: Author) -> None:
    built, _ = author.publish("1.0.0", "1.1.0")
    where = ("--clear-sources", "--source", source.signed_in)
    desk.gem("fetch", author.name, "-v", "1.0.0", *where)
    (fetched,) = desk.empty.iterdir()
    assert fetched.name == built.gem.file_name
    assert fetched.read_bytes() == built.file.read_bytes()


def test_gem_takes_it_for_a_source(desk: Desk, source: Source, author: Author) -> None:
    author.publish("1.0.0")
    lines = desk.gem("sources", "--list").output.splitlines()
    (public,) = (line for line in lines if line.startswith("https://"))
    desk.gem("sources", "--add", source.signed_in)
    desk.gem("sources", "--remove", public)
    listed = desk.gem("sources", "--list").output
    assert source.base.partition("://")[2] in listed
    assert public not in listed
    desk.gem("install", "--no-document", author.name)
    assert desk.installed(author.name) == ["1.0.0"]


def test_gem_resolves_what_a_gem_needs(desk: Desk, source: Source, author: Author) -> None:
    needed = Author(source, author.desk, new_name("dep"))
    needed.publish("1.0.4", "1.0.5", "2.0.0")
    author.publish("1.0.0", dependencies={needed.name: ("~> 1.0", "!= 1.0.5")})
    (line,) = source.info(author.name)
    assert line.startswith(f"1.0.0 {needed.name}:!= 1.0.5&~> 1.0|checksum:")
    desk.install(source.signed_in, author.name)
    assert desk.installed(needed.name) == ["1.0.4"]
    app = desk.app(source.signed_in, author.name)
    desk.bundle(app, "install")
    assert f"{needed.name} (1.0.4)" in (app / "Gemfile.lock").read_text()


@pytest.mark.parametrize("base", ["Hola", "hola_2.x", "hola-1.0-beta"])
def test_every_kind_of_name_is_installed(desk: Desk, source: Source, base: str) -> None:
    author = Author(source, desk, new_name(base))
    author.publish("1.0.0")
    desk.install(source.signed_in, author.name)
    assert desk.installed(author.name) == ["1.0.0"]
    app = desk.app(source.signed_in, author.name)
    desk.bundle(app, "install")
    assert f"{author.name} (1.0.0)" in (app / "Gemfile.lock").read_text()


def test_the_variant_for_this_machine_is_installed(
    desk: Desk, source: Source, author: Author
) -> None:
    author.publish("1.0.0")
    for platform in ("java", "x86_64-linux", "arm64-darwin"):
        author.publish("1.0.0", platform=platform)
    desk.install(source.signed_in, author.name)
    assert desk.installed(author.name) == ["1.0.0-x86_64-linux"]


def test_what_needs_another_ruby_is_passed_over(desk: Desk, source: Source, author: Author) -> None:
    author.publish("1.0.0")
    author.publish("1.1.0", requires_ruby=">= 99")
    desk.install(source.signed_in, author.name)
    assert desk.installed(author.name) == ["1.0.0"]
    app = desk.app(source.signed_in, author.name)
    desk.bundle(app, "install")
    assert f"{author.name} (1.0.0)" in (app / "Gemfile.lock").read_text()


def test_gem_takes_prereleases_only_when_told(desk: Desk, source: Source, author: Author) -> None:
    author.publish("1.2.0", "2.0.0.rc1")
    desk.install(source.signed_in, author.name)
    assert desk.installed(author.name) == ["1.2.0"]
    desk.install(source.signed_in, author.name, "--pre")
    assert desk.installed(author.name) == ["1.2.0", "2.0.0.rc1"]


def test_ruby_loads_the_old_lists(desk: Desk, source: Source, platforms: Author) -> None:
    found = {}
    for index in INDEXES:
        file = desk.home / index
        file.write_bytes(source.get(index).body)
        tuples = desk.ruby("-e", _LOAD_INDEX, file).json()
        found[index] = sorted(one[1:] for one in tuples if one[0] == platforms.name)
    old, new = ["1.0.0", "ruby"], [["1.1.0", "ruby"], ["1.1.0", "x86_64-linux"]]
    assert list(found.values()) == [[old, *new], new, [["2.0.0.rc1", "ruby"]]]


@pytest.mark.parametrize("email", ["alice@packhouse.test", ("a@one.test", "b@other.test")])
def test_ruby_loads_the_specification_of_a_gem(
    desk: Desk, source: Source, author: Author, email: str | tuple[str, ...]
) -> None:
    needed = {"dep-of-it": ("~> 1.0", "!= 1.0.5"), "another": ()}
    (built,) = author.publish("1.0.0", dependencies=needed, email=email)
    file = desk.home / "it.gemspec.rz"
    file.write_bytes(source.get(f"quick/Marshal.4.8/{built.gem.full_name}.gemspec.rz").body)
    shown = desk.ruby("-e", _SHOW_SPECIFICATION, file).json()
    assert shown["dependencies"] == [
        ["dep-of-it", "runtime", "~> 1.0, != 1.0.5"],
        ["another", "runtime", ">= 0"],
    ]
    assert shown == desk.ruby("-e", _SHOW_SPECIFICATION, built.file).json()
