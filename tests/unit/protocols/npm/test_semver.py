from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.protocols.npm import semver
from tests.unit.protocols.npm.artifacts import ask_node

# In the order of semver.org, item 11.
ASCENDING = [
    "0.0.0-0",
    "0.0.0",
    "0.9.9",
    "1.0.0-0",
    "1.0.0-2",
    "1.0.0-11",
    "1.0.0--",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1",
    "1.10.0",
    "2.0.0",
    "9007199254740991.0.0",
]

NOT_VERSIONS = [
    "",
    "1",
    "1.0",
    "v1.0",
    "v1.0.0",
    "=1.0.0",
    "1.0.0.0",
    "latest",
    "01.2.3",
    "1.02.3",
    "1.2.3-01",
    "1.2.3-",
    "1.2.3-a..b",
    "1.2.3+",
    "1.2.3+a+b",
    "1.2.3-a_b",
    " 1.2.3",
    "1.2.3\n",
    "1.2.\u0663",
    "9007199254740992.0.0",
    "1.0.0-" + "a" * 251,
]


def test_versions_are_ordered_as_semver_says() -> None:
    versions = [semver.parse(raw) for raw in ASCENDING]
    shuffled = random.Random(0).sample(versions, len(versions))  # noqa: S311  any order will do
    assert sorted(shuffled, key=lambda version: version.precedence) == versions


@pytest.mark.parametrize("raw", NOT_VERSIONS)
def test_what_is_not_strictly_a_version_is_refused(raw: str) -> None:
    with pytest.raises(semver.InvalidVersion):
        semver.parse(raw)


def test_build_metadata_says_nothing_about_identity_or_order() -> None:
    plain, built = semver.parse("1.0.0"), semver.parse("1.0.0+sha.5114f85")
    assert built.key == plain.key == "1.0.0"
    assert built.text == "1.0.0+sha.5114f85"
    assert built.precedence == plain.precedence


def test_versions_are_read_and_ordered_as_node_semver_does() -> None:
    corpus = [*ASCENDING, *NOT_VERSIONS, "1.0.0+a", "1.0.0-rc.1+b.2", "1.2.3-0a", "1.2.3-a-b"]
    # Node's own reading is strict but for a leading "v" and blanks around it.
    keys = ask_node(
        """
        const semver = require('semver')
        const corpus = JSON.parse(require('fs').readFileSync(0))
        const strict = raw => /^[v\\s]|\\s$/.test(raw) ? null : semver.valid(raw)
        console.log(JSON.stringify(corpus.map(strict)))
        """,
        corpus,
    )
    assert [_key(raw) for raw in corpus] == keys


number = st.integers(min_value=0, max_value=semver.MAX_NUMBER)
identifier = st.from_regex(semver.PRERELEASE, fullmatch=True).filter(lambda text: len(text) < 100)
versions = st.builds(semver.Version, number, number, number, st.just("") | identifier)


@given(versions)
def test_a_version_survives_being_written_and_read(version: semver.Version) -> None:
    assert semver.parse(version.key) == version


@given(versions, versions)
def test_two_versions_of_one_rank_are_one_version(a: semver.Version, b: semver.Version) -> None:
    assert (a.precedence == b.precedence) == (a == b)
    assert (a.precedence < b.precedence) != (a.precedence >= b.precedence)


@given(st.text(max_size=30))
def test_any_text_is_either_a_version_or_refused(raw: str) -> None:
    assert _key(raw) in {None, raw.partition("+")[0]}


def _key(raw: str) -> str | None:
    try:
        return semver.parse(raw).key
    except semver.InvalidVersion:
        return None
