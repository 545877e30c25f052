from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.protocols.rubygems import compact_index
from app.protocols.rubygems.gem_versions import ANY
from app.protocols.rubygems.gemspec import DEVELOPMENT, RUNTIME, GemDependency, GemSpecification
from tests.clients.rubygems.installed import Release, releases
from tests.ruby import Ruby, debians_ruby
from tests.unit.protocols.rubygems.gem_files import specification, specifications

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOMENT = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
SHA256 = "ab" * 32

INFO = """
require 'rubygems/resolver/api_set/gem_parser'
def answer(raw)
  Gem::Resolver::APISet::GemParser.new.parse(raw.force_encoding('UTF-8'))
end
"""

# What Bundler holds of an index on disk.
CACHE = """
require 'bundler'
require 'bundler/compact_index_client'
def answer(raw)
  cache = Bundler::CompactIndexClient::Cache.new(raw)
  versions, checksums = cache.versions
  { names: cache.names, versions: versions, checksums: checksums,
    info: cache.dependencies('hola') }
end
"""


@pytest.fixture(scope="module", params=releases(), ids=str)
def parser(request: pytest.FixtureRequest) -> Iterator[Ruby]:
    release: Release = request.param
    with Ruby(INFO, release.command("gem")[:-1]) as ruby:
        yield ruby


def test_a_line_says_what_a_resolver_needs() -> None:
    spec = specification(
        version="1.2.0",
        platform="java",
        dependencies=(
            GemDependency(name="rack-test", requirements=(ANY,), kind=RUNTIME),
            GemDependency(name="rack", requirements=("~> 3.0", "!= 3.0.5"), kind=RUNTIME),
            GemDependency(name="rake", requirements=(ANY,), kind=DEVELOPMENT),
        ),
        required_ruby_version=(">= 3.0", "< 4"),
        required_rubygems_version=(">= 3.3.3",),
    )
    assert compact_index.info_line(spec, SHA256, MOMENT) == (
        "1.2.0-java rack:!= 3.0.5&~> 3.0,rack-test:>= 0"
        f"|checksum:{SHA256},ruby:< 4&>= 3.0,rubygems:>= 3.3.3,created_at:2026-01-31T12:30:00Z"
    )


def test_what_any_version_meets_is_not_said() -> None:
    spec = specification(dependencies=(), required_ruby_version=(ANY,))
    line = compact_index.info_line(spec, SHA256, MOMENT)
    assert line == f"1.0.0 |checksum:{SHA256},created_at:2026-01-31T12:30:00Z"


def test_the_moment_is_told_in_utc() -> None:
    moment = MOMENT.astimezone(timezone(timedelta(hours=2)))
    line = compact_index.info_line(specification(), SHA256, moment)
    assert line.endswith("created_at:2026-01-31T12:30:00Z")


@given(specifications)
@example(specification(dependencies=(), required_ruby_version=(ANY,)))
@settings(deadline=None)  # another process is asked
def test_clients_take_a_line_apart_into_what_it_was_made_of(
    parser: Ruby, spec: GemSpecification
) -> None:
    line = compact_index.info_line(spec, SHA256, MOMENT)
    version, platform, dependencies, facts = parser.ask(line.encode())
    assert (version, platform or "ruby") == (spec.version, spec.platform)
    assert dependencies == [
        [one.name, sorted(one.requirements)]
        for one in sorted(spec.dependencies, key=lambda one: one.name)
        if one.kind == RUNTIME
    ]
    found = {key: values for key, *values in facts}
    assert found.pop("checksum") == [[SHA256]]
    assert found.pop("created_at") == ["2026-01-31T12", "30", ["00Z"]]
    wanted = {"ruby": spec.required_ruby_version, "rubygems": spec.required_rubygems_version}
    assert found == {
        key: [sorted(requirements)]
        for key, requirements in wanted.items()
        if requirements != (ANY,)
    }


def test_bundler_reads_the_texts(tmp_path: Path) -> None:
    lines = [
        compact_index.info_line(specification(version=version), SHA256, MOMENT)
        for version in ("1.0", "1.1")
    ]
    info = compact_index.info_document(lines)
    versions = (
        compact_index.versions_header("2026-01-01T00:00:00Z")
        + "".join(
            f"{line}\n"
            for line in (
                compact_index.versions_line("hola", ["1.0", "1.0-java"], b"old"),
                compact_index.versions_line("rack", ["3.0"], b"rack"),
                compact_index.versions_line("hola", ["1.1", "-1.0-java"], info),
            )
        ).encode()
    )
    for name, text in {
        "names": compact_index.names_document(["hola", "rack"]),
        "versions": versions,
        "info/hola": info,
    }.items():
        (tmp_path / "info").mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text)
    with Ruby(CACHE, debians_ruby()) as ruby:
        found = ruby.ask(str(tmp_path).encode())
    assert found["names"] == ["hola", "rack"]
    assert found["versions"] == {
        "hola": [["hola", "1.0"], ["hola", "1.1"]],
        "rack": [["rack", "3.0"]],
    }
    md5s = {"hola": info, "rack": b"rack"}
    assert found["checksums"] == {
        name: hashlib.md5(text, usedforsecurity=False).hexdigest() for name, text in md5s.items()
    }
    assert [one[0] for one in found["info"]] == ["1.0", "1.1"]


def test_texts_of_nothing_are_headers_alone() -> None:
    assert compact_index.names_document([]) == b"---\n"
    assert compact_index.info_document([]) == b"---\n"
    header = compact_index.versions_header("2026-01-01T00:00:00Z")
    assert header == b"created_at: 2026-01-01T00:00:00Z\n---\n"


@given(st.lists(st.sampled_from(["1.0", "-1.0", "1.1-java"]), min_size=1, max_size=3))
def test_a_line_of_versions_has_three_fields(moved: list[str]) -> None:
    name, numbers, md5 = compact_index.versions_line("hola", moved, b"").split(" ")
    assert (name, numbers.split(","), len(md5)) == ("hola", moved, 32)
