from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.protocols.npm.searching import SearchHit, SearchQuery, parse_query, render_search

NOW = datetime(2026, 3, 1, 9, 12, 44, 120_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", SearchQuery()),
        ("  plain  Text ", SearchQuery(words=("plain", "text"))),
        ("author:Alice x", SearchQuery(author="alice", words=("x",))),
        ("maintainer:bob", SearchQuery(maintainer="bob")),
        ("scope:@acme", SearchQuery(scope="acme")),
        ("scope:acme", SearchQuery(scope="acme")),
        ("keywords:a,b", SearchQuery(keywords=(("a", "b"),))),
        ("keywords:a+b keywords:c,", SearchQuery(keywords=(("a",), ("b",), ("c",)))),
        (
            "not:deprecated is:unstable not:insecure",
            SearchQuery(
                not_flags=frozenset({"deprecated", "insecure"}), is_flags=frozenset({"unstable"})
            ),
        ),
        ("boost-exact:false x", SearchQuery(words=("x",))),
        ("is:nice author: foo:bar :x", SearchQuery(words=("is:nice", "author:", "foo:bar", ":x"))),
        ("@acme/thing", SearchQuery(words=("@acme/thing",))),
    ],
)
def test_a_query_is_words_and_qualifiers(text: str, query: SearchQuery) -> None:
    assert parse_query(text) == query


@given(st.text(max_size=2000))
def test_any_text_is_a_query_of_some_size(text: str) -> None:
    query = parse_query(text)
    assert len(query.words) + len(query.keywords) <= 600


MANIFEST: dict[str, Any] = {
    "name": "@acme/thing",
    "version": "1.0.0",
    "description": "hi",
    "keywords": ["x"],
    "author": {"name": "Alice"},
    "homepage": "https://acme.test",
    "repository": {"type": "git", "url": "git+https://acme.test/x.git"},
    "bugs": {"email": "bugs@acme.test"},
    "_npmUser": {"name": "alice", "email": "a@acme.test"},
}


def objects(*manifests: dict[str, Any], score: float = 0.9) -> list[dict[str, Any]]:
    hits = [
        SearchHit(
            manifest=manifest,
            published_at=NOW,
            page_url="https://registry.test/ui/x",
            maintainers=[("alice", "a@acme.test"), ("ci", "")],
            score=score,
        )
        for manifest in manifests
    ]
    answer = orjson.loads(render_search(hits, total=41, now=NOW))
    assert (answer["total"], answer["time"]) == (41, "2026-03-01T09:12:44.120Z")
    found: list[dict[str, Any]] = answer["objects"]
    return found


def test_a_package_is_shown_as_npm_expects_it() -> None:
    assert objects(MANIFEST) == [
        {
            "package": {
                "name": "@acme/thing",
                "scope": "acme",
                "version": "1.0.0",
                "description": "hi",
                "keywords": ["x"],
                "date": "2026-03-01T09:12:44.120Z",
                "links": {
                    "npm": "https://registry.test/ui/x",
                    "homepage": "https://acme.test",
                    "repository": "git+https://acme.test/x.git",
                },
                "author": {"name": "Alice"},
                "publisher": {"username": "alice", "email": "a@acme.test"},
                "maintainers": [{"username": "alice", "email": "a@acme.test"}, {"username": "ci"}],
            },
            "score": {
                "final": 0.9,
                "detail": {"quality": 0.9, "popularity": 0.9, "maintenance": 0.9},
            },
            "searchScore": 0.9,
            "flags": {"unstable": 0},
        }
    ]


def test_a_bare_package_is_shown_too() -> None:
    (bare,) = objects({"name": "plain-a", "version": "0.1.0"})
    assert bare["package"]["scope"] == "unscoped"
    assert bare["package"]["description"] == ""
    assert bare["package"]["keywords"] == []
    assert "author" not in bare["package"]
    assert bare["flags"] == {"unstable": 1}


def test_nothing_found_is_an_empty_page() -> None:
    assert objects() == []
