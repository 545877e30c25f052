from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.protocols.npm import ranges, semver
from tests.unit.protocols.npm.artifacts import ask_node

ASK_SEMVER = """
    const semver = require('semver')
    const { expressions, versions } = JSON.parse(require('fs').readFileSync(0))
    const matched = raw => semver.validRange(raw) === null
        ? null : versions.filter(version => semver.satisfies(version, raw))
    console.log(JSON.stringify(expressions.map(matched)))
"""

VERSIONS = [
    f"{release}{prerelease}"
    for release in (
        *("0.0.0", "0.0.1", "0.0.2", "0.1.0", "0.1.2", "0.2.0", "1.0.0", "1.0.1", "1.1.0"),
        *("1.2.0", "1.2.3", "1.2.4", "1.3.0", "2.0.0", "2.1.0", "3.0.0", "12.0.0"),
    )
    for prerelease in ("", "-0", "-beta.2", "-rc.1")
]

EXPRESSIONS = [
    *("v1.0.0", "=1", "1.x", ">=1", "x", "*", "", "latest", "^1", "~1", "1 - 2", "1 || 2"),
    *(">= 1.0.0", "> 1.2", "<=1.2", "<2", "<2.0.0", "<=1", ">1", "~>1.2", "~ 1.2", "^ 1.2"),
    *("1.2.3 - 2.3.4", "1.2 - 1.x", "x - 1", ">=1.0.0 <2.0.0", ">= 1.0.0 < 2.0.0", ">=1 <1.2 || 3"),
    *("^0", "^0.0", "^0.1", "^0.0.1", "^0.1.2", "^1.2.3-beta.2", "~1.2.0-beta", "~0", "^0.0.1-0"),
    *(">1.2.3-beta.2", "<1.2.3-rc.1", "1.2.3-beta.2", "1.2.3+build", ">=1.2.3+b", "<1.2.3-0"),
    *("||", "1||", "|| 1", ">*", "<*", "^*", "~*", ">=*", "X.1", "1.x.3", "1.*.*", "1.x-beta"),
    *("01.2.3", "1.2.3.4", "==1", "==1.2.3", "=v1.2.3", "vv1", ">=v1", ">= =1", "> =1.2.0"),
    *("beta", "next", "../x", "1a", "v", ">", "~", "^", "-", "1 -2", ">=1,<2", "1.2.3-", "\t1\n"),
    *("99999999999999999999.0.0", "9007199254740991", "1\u00a02", "1.2.x-beta", "* 1.2.3-rc.1"),
]

# Everything that a tag could be made of and that a range could begin with.
SHORT_WORDS = [
    "".join(letters)
    for length in range(1, 5)
    for letters in itertools.product("10xX*.v~-a", repeat=length)
]


def test_ranges_are_understood_as_node_semver_understands_them() -> None:
    answers = ask_node(ASK_SEMVER, {"expressions": EXPRESSIONS, "versions": VERSIONS})
    for expression, expected in zip(EXPRESSIONS, answers, strict=True):
        assert _matched(expression) == expected, expression


def test_every_short_word_is_a_range_exactly_where_node_semver_says_so() -> None:
    answers = ask_node(ASK_SEMVER, {"expressions": SHORT_WORDS, "versions": []})
    for word, expected in zip(SHORT_WORDS, answers, strict=True):
        assert ranges.is_range(word) == (expected is not None), word


def test_a_very_long_range_is_refused() -> None:
    with pytest.raises(ranges.InvalidRange):
        ranges.parse("1 || " * 2000)


def test_the_newest_version_of_a_range_is_its_highest() -> None:
    versions = [semver.parse(raw) for raw in ("1.2.0", "1.10.0", "2.0.0-rc.1", "1.9.0")]
    newest = ranges.parse("1.x || 2.x").newest(versions)
    assert newest is not None
    assert newest.key == "1.10.0"
    assert ranges.parse("3.x").newest(versions) is None


@given(st.text(max_size=40) | st.from_regex(r"[ <>=~^v0-9.xX*|-]{0,20}", fullmatch=True))
def test_any_text_is_either_a_range_or_refused(raw: str) -> None:
    try:
        found = ranges.parse(raw)
    except ranges.InvalidRange:
        return
    found.matches(semver.parse("1.2.3"))


def _matched(expression: str) -> list[str] | None:
    try:
        found = ranges.parse(expression)
    except ranges.InvalidRange:
        return None
    return [raw for raw in VERSIONS if found.matches(semver.parse(raw))]
