from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.protocols.rubygems.gemspec import GemSpecification
from app.protocols.rubygems.gemspec_yaml import read_gemspec
from tests.clients.rubygems.installed import Release, releases
from tests.ruby import Ruby
from tests.unit.protocols.rubygems.gem_files import METADATA, specification, specifications

if TYPE_CHECKING:
    from collections.abc import Iterator

WRITE = """
def answer(raw)
  fields = JSON.parse(raw.force_encoding('UTF-8'))
  spec = Gem::Specification.new do |s|
    %w[name version platform summary description authors email homepage licenses metadata
       required_ruby_version required_rubygems_version rubygems_version date].each do |name|
      s.public_send("#{name}=", fields[name])
    end
    fields['dependencies'].each do |one|
      s.public_send("add_#{one['kind']}_dependency", one['name'], *one['requirements'])
    end
  end
  spec.to_yaml
end
"""


@pytest.fixture(scope="module", params=releases(), ids=str)
def writer(request: pytest.FixtureRequest) -> Iterator[Ruby]:
    release: Release = request.param
    with Ruby(WRITE, release.command("gem")[:-1]) as ruby:
        yield ruby


# Ruby writes fewer parts of its own versions than it is given.
@given(specifications.map(lambda spec: replace(spec, required_ruby_version=(">= 3.0", "< 4"))))
@settings(deadline=None)  # another process is asked
def test_what_ruby_writes_is_read_as_it_was(writer: Ruby, spec: GemSpecification) -> None:
    written = writer.ask(spec.to_json()).encode()
    built_with = read_gemspec(written).rubygems_version
    assert read_gemspec(written) == replace(spec, rubygems_version=built_with)


def test_a_specification_is_read() -> None:
    assert read_gemspec(METADATA.encode()) == specification()


@pytest.mark.parametrize("version", ["1", "1.0", "! 1.0", "1.0-beta", "'1.0-beta'"])
def test_a_version_that_ruby_reads_as_another_is_refused(version: str) -> None:
    metadata = METADATA.replace("version: 1.0.0", f"version: {version}")
    with pytest.raises(InvalidInput, match=r"^version in the gem has to be a version in quotes"):
        read_gemspec(metadata.encode())
    metadata = METADATA.replace("version: '3.0'", f"version: {version}", 1)
    with pytest.raises(
        InvalidInput, match=r"^requirement in the gem has to be a version in quotes"
    ):
        read_gemspec(metadata.encode())


@pytest.mark.parametrize("version", ["'1.0'", '"1.0"', "!str 1.0", "1.0.0", "1.rc1"])
def test_a_version_that_ruby_reads_as_a_text_is_taken(version: str) -> None:
    metadata = METADATA.replace("version: 1.0.0", f"version: {version}")
    assert read_gemspec(metadata.encode()).version in {"1.0", "1.0.0", "1.rc1"}


@pytest.mark.parametrize("platform", ["''", "", "~", "ruby"])
def test_no_platform_means_all(platform: str) -> None:
    metadata = METADATA.replace("platform: ruby", f"platform: {platform}")
    assert read_gemspec(metadata.encode()).platform == "ruby"


def test_old_forms_are_read() -> None:
    metadata = (
        METADATA.replace("Gem::Requirement", "Gem::Version::Requirement", 1)
        .replace("  requirement:", "  version_requirement:\n  version_requirements:")
        .replace("  type: :runtime\n", "")
        .replace(
            "platform: ruby",
            "platform: !ruby/object:Gem::Platform\n  cpu: x86\n  os: mswin32\n  version:",
        )
    )
    spec = read_gemspec(metadata.encode())
    assert spec == specification(platform="x86-mswin32", original_platform="x86-mswin32")


def test_what_is_nothing_in_a_list_is_passed_over() -> None:
    metadata = METADATA.replace("email: bob@example.org", "email:\n-\n- bob@example.org")
    assert read_gemspec(metadata.encode()).email == ("bob@example.org",)


def test_certificates_say_that_there_are_signatures() -> None:
    metadata = METADATA.replace("cert_chain: []", "cert_chain:\n- a certificate")
    assert read_gemspec(metadata.encode()).is_signed


REFUSED = {
    "another root": ("Gem::Specification", "Gem::Version", "metadata"),
    "no root": (METADATA, "hola", "metadata"),
    "an installer": ("!ruby/object:Gem::Version", "!ruby/object:Gem::Installer", "Installer"),
    "a plain version": ("!ruby/object:Gem::Version\n  version: 1.0.0", "'1.0.0'", "version"),
    "no version": ("version: 1.0.0", "version:", "version"),
    "no name": ("name: hola", "name:", "name"),
    "a list for a name": ("name: hola", "name: [hola]", "name"),
    "a wrong name": ("name: hola", "name: ../hola", "name"),
    "a text for dependencies": (
        "dependencies:\n-",
        "dependencies: a\ntest_files:\n-",
        "dependencies",
    ),
    "a plain dependency": ("- !ruby/object:Gem::Dependency", "- ", "dependencies"),
    "a kind of its own": ("type: :runtime", "type: :build", "kind"),
    "a broken requirement": ('- - "~>"', '- - "~>\\n"', "requirement"),
    "a requirement without its operator": ('- - "~>"\n      -', "-", "requirement"),
    "a requirement that is a text": (
        "requirement: !ruby/object:Gem::Requirement",
        "requirement: a\n  more: !ruby/object:Gem::Requirement",
        "requirement",
    ),
    "metadata that is a list": ("metadata: {}", "metadata: []", "metadata"),
    "metadata of other things": ("metadata: {}", "metadata: {a: [b]}", "metadata"),
    "an author that is a mapping": ("- Bob", "- {a: b}", "authors"),
    "no date": ("date: 2026-01-31 00:00:00.000000000 Z", "date:", "date"),
    "an old platform": ("platform: ruby", "platform: i686-linux", "x86-linux"),
    "a path for a platform": ("platform: ruby", "platform: ../x", "platform"),
    "an alias": ("summary: Says hola", "summary: &a x", "anchor"),
}


@pytest.mark.parametrize(("old", "new", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_a_sound_specification_is_refused(old: str, new: str, message: str) -> None:
    assert old in METADATA
    with pytest.raises(InvalidInput, match=message):
        read_gemspec(METADATA.replace(old, new, 1).encode())


scalars = st.none() | st.text("a1.:~-\n", max_size=5)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab"), inner, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from([line for line in METADATA.splitlines() if ": " in line]), trees)
def test_any_value_of_any_field_is_read_or_refused(line: str, value: object) -> None:
    field = line.partition(":")[0]
    metadata = METADATA.replace(line, f"{field}: {json.dumps(value)}", 1)
    try:
        read_gemspec(metadata.encode())
    except InvalidInput as error:
        message = error.message
    else:
        return
    assert message.endswith(".")
