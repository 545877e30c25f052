from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.registry.search_terms import LISTED, matching, matching_keywords, terms_of

words = st.text("abcdefgäß0123456789", min_size=1, max_size=30)
summaries = st.text(max_size=200)


def finds(text: str, terms: list[str]) -> bool:
    """Whether MongoDB would find a row with these terms."""
    conditions = matching(text)
    return conditions is not None and all(holds(one["terms"], terms) for one in conditions)


def holds(condition: Any, terms: list[str]) -> bool:
    if isinstance(condition, str):
        return condition in terms
    return any(re.search(condition["$regex"], term) for term in terms)


@given(st.lists(words, min_size=1, max_size=5), st.data())
def test_each_beginning_of_each_word_of_a_name_finds_it(
    parts: list[str], data: st.DataObject
) -> None:
    terms = terms_of("@" + "/".join(parts), "", ())
    word = data.draw(st.sampled_from(parts))
    assert finds(word[: data.draw(st.integers(1, len(word)))], terms)
    assert finds(f"{parts[0]} {parts[-1].upper()}", terms)


@given(words, summaries, st.lists(words, max_size=5))
def test_every_term_is_short_and_there_once(name: str, summary: str, keywords: list[str]) -> None:
    terms = terms_of(name, summary, keywords)
    assert LISTED in terms
    assert len(set(terms)) == len(terms)
    assert max(map(len, terms)) <= 3 * 65  # one letter may fold to three


@given(st.text(max_size=2000))
def test_any_text_can_be_asked_for(text: str) -> None:
    conditions = matching(text)
    assert conditions is None or 0 < len(conditions) <= 16


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", True),
        ("  ", True),
        ("rock", False),
        ("rockets", True),
        ("ROCKETS", True),
        ("left pad", True),
        ("left-pad", True),
        ("@acme/left", True),
        ("pad", True),
        ("eft", False),
        ("fuel tank", True),
        (".*", False),
        ("left .*", True),
        ("padding", False),
    ],
)
def test_what_is_found(text: str, *, found: bool) -> None:
    terms = terms_of("@acme/left-pad", "About rockets.", ["fuel tank"])
    assert finds(text, terms) is found


def test_a_keyword_is_whole_and_no_word() -> None:
    terms = terms_of("thing", "about tanks", ["Fuel Tank"])
    assert matching_keywords(["fuel tank"])["terms"]["$in"][0] in terms
    assert matching_keywords(["fuel"])["terms"]["$in"][0] not in terms
    assert matching_keywords(["tanks"])["terms"]["$in"][0] not in terms
    assert not finds("#fuel tanks of nothing", terms)


def test_a_package_has_a_limited_number_of_terms() -> None:
    long = " ".join(f"word{number}" for number in range(10_000))
    assert len(terms_of(long[:214], long, long.split())) < 500
