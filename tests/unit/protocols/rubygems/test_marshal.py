from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.protocols.rubygems import marshal, platforms
from app.protocols.rubygems.gemspec import DEVELOPMENT, GemDependency, GemSpecification
from tests.clients.rubygems.installed import Release, releases
from tests.ruby import Ruby
from tests.unit.protocols.rubygems.gem_files import names, specification, specifications, versions
from tests.unit.protocols.rubygems.gem_files import platforms as some_platforms

if TYPE_CHECKING:
    from collections.abc import Iterator

# RubyGems since 3.5 takes only what is on its list, and only by its own reader.
LOAD = """
begin
  require 'rubygems/safe_marshal'
rescue LoadError
  nil
end
def load(raw)
  defined?(Gem::SafeMarshal) ? Gem::SafeMarshal.safe_load(raw) : Marshal.load(raw)
end
"""

SPECIFICATION = (
    LOAD
    + """
def texts(requirement)
  raise 'no requirement' unless requirement.is_a?(Gem::Requirement)
  requirement.requirements.map { |operator, version| "#{operator} #{version}" }
end
# Some releases read the licenses into a variable that nothing looks at.
def licenses(spec)
  spec.instance_variable_get(:@license) || spec.licenses
end
def answer(raw)
  spec = load(raw)
  { name: spec.name, version: spec.version.to_s, platform: spec.platform.to_s,
    platform_parts: spec.platform.is_a?(String) ? nil : spec.platform.to_a,
    original_platform: spec.original_platform, summary: spec.summary,
    description: spec.description, authors: spec.authors, email: spec.email,
    homepage: spec.homepage, licenses: licenses(spec), metadata: spec.metadata,
    required_ruby_version: texts(spec.required_ruby_version),
    required_rubygems_version: texts(spec.required_rubygems_version),
    dependencies: spec.dependencies.map { |one|
      { name: one.name, kind: one.type, requirements: texts(one.requirement),
        is_equal: one == Gem::Dependency.new(one.name, texts(one.requirement), one.type) } },
    rubygems_version: spec.rubygems_version, date: spec.date.strftime('%Y-%m-%d'),
    full_name: spec.full_name, filename: spec.file_name,
    classes: [spec.class, spec.version.class].map(&:name) }
end
"""
)

SPECS = (
    LOAD
    + """
def answer(raw)
  load(raw).map { |name, version, platform|
    raise unless version.is_a?(Gem::Version)
    [name, version.to_s, platform] }
end
"""
)

INTEGER = """
def answer(raw)
  Marshal.load(raw)
end
"""


@pytest.fixture(scope="module", params=releases(), ids=str)
def release(request: pytest.FixtureRequest) -> Release:
    found: Release = request.param
    return found


@pytest.fixture(scope="module")
def reader(release: Release) -> Iterator[Ruby]:
    with Ruby(SPECIFICATION, release.command("gem")[:-1]) as ruby:
        yield ruby


@pytest.fixture(scope="module")
def list_reader(release: Release) -> Iterator[Ruby]:
    with Ruby(SPECS, release.command("gem")[:-1]) as ruby:
        yield ruby


@pytest.fixture(scope="module")
def integer_reader() -> Iterator[Ruby]:
    with Ruby(INTEGER) as ruby:
        yield ruby


def as_ruby_says(spec: GemSpecification) -> dict[str, Any]:
    is_for_all = spec.platform == platforms.RUBY
    return {
        "name": spec.name,
        "version": spec.version,
        "platform": spec.platform,
        "platform_parts": None if is_for_all else list(platforms.parse(spec.platform)),
        "original_platform": spec.original_platform,
        "summary": spec.summary,
        "description": spec.description,
        "authors": list(spec.authors),
        "email": spec.email if isinstance(spec.email, str) else list(spec.email),
        "homepage": spec.homepage,
        "licenses": list(spec.licenses),
        "metadata": spec.metadata,
        "required_ruby_version": list(spec.required_ruby_version),
        "required_rubygems_version": list(spec.required_rubygems_version),
        "dependencies": [
            {
                "name": one.name,
                "kind": one.kind,
                "requirements": list(one.requirements),
                "is_equal": True,
            }
            for one in spec.dependencies
        ],
        "rubygems_version": spec.rubygems_version,
        "date": spec.date,
        "full_name": spec.full_name,
        "filename": spec.filename,
        "classes": ["Gem::Specification", "Gem::Version"],
    }


@given(specifications)
@example(specification(description="é" * 63_000))
@example(specification(rubygems_version="", homepage="", summary=""))
@example(
    specification(
        platform="x86_64-linux",
        original_platform="x86_64-linux",
        dependencies=(
            GemDependency(name="rack", requirements=("~> 3.0", "!= 3.0.5"), kind="runtime"),
            GemDependency(name="rake", requirements=(">= 0",), kind=DEVELOPMENT),
        ),
    )
)
@settings(deadline=None)  # another process is asked
def test_ruby_reads_every_field_of_a_specification(reader: Ruby, spec: GemSpecification) -> None:
    assert reader.ask(marshal.specification_payload(spec)) == as_ruby_says(spec)


@given(st.lists(st.tuples(names, versions, some_platforms), max_size=8))
@settings(deadline=None)  # another process is asked
def test_ruby_reads_a_list_of_gems(list_reader: Ruby, gems: list[tuple[str, str, str]]) -> None:
    assert list_reader.ask(marshal.specs_payload(gems)) == [list(one) for one in gems]


@given(st.integers(-(2**30), 2**30 - 1))
@example(0)
@example(122)
@example(123)
@example(255)
@example(256)
@example(65536)
@example(-123)
@example(-124)
@example(-256)
@example(-257)
@settings(deadline=None)  # another process is asked
def test_ruby_reads_packed_numbers(integer_reader: Ruby, number: int) -> None:
    assert integer_reader.ask(b"\x04\x08i" + marshal.packed(number)) == number


def test_ruby_reads_a_list_of_a_hundred_thousand_gems(list_reader: Ruby) -> None:
    gems = [(f"gem-{at // 5}", f"{at % 7}.{at}", "ruby") for at in range(100_000)]
    assert list_reader.ask(marshal.specs_payload(gems))[-1] == ["gem-19999", "4.99999", "ruby"]


def test_the_bytes_are_those_that_ruby_itself_writes() -> None:
    with Ruby(
        """
        def answer(raw)
          Marshal.dump([['hola', Gem::Version.new('1.0'), 'ruby']]).unpack('C*')
        end
        """
    ) as ruby:
        assert bytes(ruby.ask(b"")) == marshal.specs_payload([("hola", "1.0", "ruby")])
