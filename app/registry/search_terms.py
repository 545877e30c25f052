"""The words by which packages are found, all in one index.

A package's row lists its terms: each word of its name with every beginning of it, the words of
its summary, and its keywords. So a search for words or their beginnings compares for equality, and
reads of the index what it shows, in the order of the list, however many packages there are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

Row = dict[str, Any]  # a document as MongoDB holds it

LISTED = ""
"""A term that each package has which readers can see."""

_WORD = re.compile(r"[^\W_]+")
_OF_KEYWORDS = "#"  # begins no word
_LONGEST_BEGINNING = 12
_LONGEST_WORD = 64
_MOST_WORDS = 100
_MOST_ASKED_FOR = 16


def terms_of(name: str, summary: str, keywords: Iterable[str]) -> list[str]:
    """Return the terms of a package that readers can see."""
    terms = {LISTED}
    for word in islice(_words(name), _MOST_WORDS):
        terms.add(word)
        terms.update(word[:end] for end in range(1, min(len(word), _LONGEST_BEGINNING) + 1))
    terms.update(islice(_words(summary), _MOST_WORDS))
    for keyword in islice(keywords, _MOST_WORDS):
        terms.add(_of_keyword(keyword))
        terms.update(islice(_words(keyword), _MOST_WORDS))
    return sorted(terms)


def matching(text: str) -> list[Row] | None:
    """Return the conditions of packages that have each word of a text; none where there is none.

    A text of nothing finds every package that readers can see.
    """
    if not text.strip():
        return [{"terms": LISTED}]
    words = list(islice(_words(text), _MOST_ASKED_FOR))
    return [_has(word) for word in dict.fromkeys(words)] or None


def matching_keywords(alternatives: Iterable[str]) -> Row:
    """Return the condition of packages that have one of some keywords."""
    return {"terms": {"$in": [_of_keyword(one) for one in alternatives]}}


def _has(word: str) -> Row:
    if len(word) <= _LONGEST_BEGINNING:
        return {"terms": word}
    return {"terms": {"$regex": f"^{re.escape(word)}"}}  # so few that they can be sorted


def _words(text: str) -> Iterator[str]:
    folded = unicodedata.normalize("NFKC", text[: _LONGEST_WORD * _MOST_WORDS]).casefold()
    return (found[0][:_LONGEST_WORD] for found in _WORD.finditer(folded))


def _of_keyword(keyword: str) -> str:
    return _OF_KEYWORDS + unicodedata.normalize("NFKC", keyword[:_LONGEST_WORD]).casefold()
