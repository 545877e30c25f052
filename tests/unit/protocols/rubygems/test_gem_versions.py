from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from app.protocols.rubygems import gem_versions
from tests.ruby import Ruby

if TYPE_CHECKING:
    from collections.abc import Iterator

# The lowest first; those in one row are equal.
ASCENDING = [
    ["0.a", "0.0.a", "0.a.0"],
    ["0", "0.0", "00"],
    ["0.0.1"],
    ["1.0.a.0.b"],
    ["1.0.a", "1.a", "1.0.0.a.0"],
    ["1.0.a.1"],
    ["1.0.b"],
    ["1.0.pre.beta", "1.0-beta", "1-beta"],
    ["1.0.rc2", "1.0.rc.2"],
    ["1.0.rc10"],
    ["1.0", "1", "1.0.0", "01"],
    ["1.0.0.0.5"],
    ["1.0.1"],
    ["1.2"],
    ["1.10"],
    ["2.0.0.pre"],
    ["20260131.1"],
]

NOT_VERSIONS = [
    "",
    " ",
    "1..0",
    "1.",
    ".1",
    " 1.0",
    "1.0 ",
    "1.0\n",
    "1.0\n2",
    "v1",
    "a",
    "1a",
    "1_0",
    "1.0-",
    "1.0--",
    "1.0-a-",
    "1,0",
    "1.0|",
    "1.0:",
    "1.0+b",
    "\u0661",
    "1" * 65,
]

# Compares two versions, looks at the first, and writes requirements of the second.
SCRIPT = """
def answer(raw)
  one, other = JSON.parse(raw).map { |text| Gem::Version.new(text) }
  requirements = %w[= != > < >= <= ~>].map { |op| Gem::Requirement.new("#{op} #{other}").to_s }
  { order: one <=> other, text: one.to_s, is_prerelease: one.prerelease?,
    requirements: requirements }
end
"""

CORRECT = """
def answer(raw)
  text = JSON.parse(raw)[0]
  begin
    Gem::Version.new(Gem::Version.new(text).to_s) && true
  rescue ArgumentError
    false
  end
end
"""

REQUIREMENT = """
def answer(raw)
  begin
    Gem::Requirement.new(JSON.parse(raw)[0]).to_s
  rescue ArgumentError
    nil
  end
end
"""

segment = st.integers(0, 12).map(str) | st.from_regex(r"[a-zA-Z0-9]{1,3}", fullmatch=True)
versions = st.builds(
    lambda first, rest: ".".join([str(first), *rest]),
    st.integers(0, 30),
    st.lists(st.just("0") | segment, max_size=5),
)
spelt = versions | st.builds("{}-{}".format, versions, versions)


@pytest.fixture(scope="module")
def ruby() -> Iterator[Ruby]:
    with Ruby(SCRIPT) as ruby:
        yield ruby


@pytest.fixture(scope="module")
def judge() -> Iterator[Ruby]:
    with Ruby(CORRECT) as ruby:
        yield ruby


@pytest.fixture(scope="module")
def reader_of_requirements() -> Iterator[Ruby]:
    with Ruby(REQUIREMENT) as ruby:
        yield ruby


def order(one: str, other: str) -> int:
    left, right = gem_versions.sort_key(one), gem_versions.sort_key(other)
    return (left > right) - (left < right)


def test_versions_are_ordered_and_equal_as_rubygems_says() -> None:
    for at, row in enumerate(ASCENDING):
        for version in row:
            assert order(version, row[0]) == 0
            assert gem_versions.canonical(version) == gem_versions.canonical(row[0])
            assert all(order(version, later[0]) < 0 for later in ASCENDING[at + 1 :])


@pytest.mark.parametrize("text", NOT_VERSIONS)
def test_what_is_no_version_is_refused(text: str) -> None:
    assert not gem_versions.is_version(text)


@given(one=spelt, other=spelt)
@example("1.a", "1.a.0.b")
@example("1.a", "1.a.0.1")
@example("1", "1.0.0.1")
@example("0.a", "0")
@settings(deadline=None)  # another process is asked
def test_versions_compare_as_in_ruby(ruby: Ruby, one: str, other: str) -> None:
    found = ruby.ask_json([one, other])
    assert order(one, other) == found["order"]
    assert (gem_versions.canonical(one) == gem_versions.canonical(other)) == (found["order"] == 0)
    assert gem_versions.normalised(one) == found["text"]
    assert gem_versions.is_prerelease(one) == found["is_prerelease"]
    assert all(map(gem_versions.is_requirement, found["requirements"]))


@given(spelt)
def test_a_canonical_version_is_one_and_stays_as_it_is(version: str) -> None:
    canonical = gem_versions.canonical(version)
    assert gem_versions.is_version(canonical)
    assert gem_versions.canonical(canonical) == canonical
    assert order(version, canonical) == 0


@given(st.text(max_size=12) | st.text("0123456789.-ab \n", max_size=12) | spelt)
@example("1.0--")
@settings(deadline=None)  # another process is asked
def test_a_version_is_what_ruby_takes_for_one_without_blanks(judge: Ruby, text: str) -> None:
    assume(text == text.strip() and text)
    assert gem_versions.is_version(text) == judge.ask_json([text])


@pytest.mark.parametrize(
    "text", [">= 1.0", "~> 2", "!= 1.0.5", "= 1", "< 2.0.a", "<= 3", "> 0", gem_versions.ANY]
)
def test_requirements_pass(reader_of_requirements: Ruby, text: str) -> None:
    assert gem_versions.is_requirement(text)
    assert " ".join(gem_versions.split_requirement(text)) == text
    assert reader_of_requirements.ask_json([text]) == text


@given(st.text("<>=!~ 1.0a\n,&|:", max_size=8) | st.builds("{} {}".format, st.text(), spelt))
@example(">= 1.0\n")
@example(">=1.0")
@example(">= 1.0&< 2")
@example("")
@example("1.0")
@settings(deadline=None)  # another process is asked
def test_a_requirement_is_what_ruby_writes(reader_of_requirements: Ruby, text: str) -> None:
    if gem_versions.is_requirement(text):
        assert reader_of_requirements.ask_json([text]) == text
    else:
        assert reader_of_requirements.ask_json([text]) != text or "-" in text
