"""Search: the qualifiers that a query may hold, and the objects that answer it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from app.protocols.npm.manifests import person
from app.protocols.npm.rendering import timestamp

_MAX_QUERY_LENGTH = 512
_MAX_TERMS = 32
_UNSCOPED = "unscoped"
_FLAGS = frozenset({"deprecated", "unstable", "insecure"})


@dataclass(frozen=True, kw_only=True)
class SearchQuery:
    """What somebody looks for. Everything given has to hold; nothing given finds all.

    Attributes:
        words: looked for in names, descriptions and keywords; lower case.
        author, maintainer, scope: one each; empty where none is given. ``scope`` has no ``@``.
        keywords: groups of alternatives: of each group, one has to be there.
        is_flags, not_flags: of ``deprecated``, ``unstable`` and ``insecure``.
    """

    words: tuple[str, ...] = ()
    author: str = ""
    maintainer: str = ""
    scope: str = ""
    keywords: tuple[tuple[str, ...], ...] = ()
    is_flags: frozenset[str] = frozenset()
    not_flags: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class SearchHit:
    """One package that was found.

    Attributes:
        manifest: of its latest version, parsed.
        published_at: of that version, UTC.
        page_url: where a browser shows the package.
        maintainers: the owners; their user names and e-mail addresses.
        score: between 0 and 1; the higher, the better it fits.
    """

    manifest: Mapping[str, Any]
    published_at: datetime
    page_url: str
    maintainers: Sequence[tuple[str, str]]
    score: float = 1.0


@dataclass
class _Terms:
    words: list[str] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)
    keywords: list[tuple[str, ...]] = field(default_factory=list)
    flags: dict[str, set[str]] = field(default_factory=lambda: {"is": set(), "not": set()})


def parse_query(text: str) -> SearchQuery:
    """Read a query as npm's own search does; what is no known qualifier is a word.

    ``keywords:a,b`` finds either, ``keywords:a+b`` both.
    """
    terms = _Terms()
    for term in text[:_MAX_QUERY_LENGTH].lower().split()[:_MAX_TERMS]:
        _read_term(term, terms)
    return SearchQuery(
        words=tuple(terms.words),
        author=terms.named.get("author", ""),
        maintainer=terms.named.get("maintainer", ""),
        scope=terms.named.get("scope", "").removeprefix("@"),
        keywords=tuple(terms.keywords),
        is_flags=frozenset(terms.flags["is"]),
        not_flags=frozenset(terms.flags["not"]),
    )


def render_search(hits: Sequence[SearchHit], *, total: int, now: datetime) -> bytes:
    """Render one page of an answer.

    Args:
        hits: this page's.
        total: how many the caller may see in all.
        now: when it was looked up.
    """
    return orjson.dumps(
        {"objects": [_object(hit) for hit in hits], "total": total, "time": timestamp(now)}
    )


def _read_term(term: str, terms: _Terms) -> None:
    qualifier, colon, value = term.partition(":")
    if not (colon and value):
        terms.words.append(term)
    elif qualifier in {"author", "maintainer", "scope"}:
        terms.named[qualifier] = value
    elif qualifier == "keywords":
        groups = (tuple(filter(None, group.split(","))) for group in value.split("+"))
        terms.keywords.extend(group for group in groups if group)
    elif qualifier in terms.flags and value in _FLAGS:
        terms.flags[qualifier].add(value)
    elif qualifier != "boost-exact":
        terms.words.append(term)


def _object(hit: SearchHit) -> dict[str, Any]:
    score = round(hit.score, 4)
    is_unstable = str(hit.manifest.get("version", "")).startswith("0.")
    return {
        "package": _package(hit),
        "score": {
            "final": score,
            "detail": {"quality": score, "popularity": score, "maintenance": score},
        },
        "searchScore": score,
        "flags": {"unstable": int(is_unstable)},
    }


def _package(hit: SearchHit) -> dict[str, Any]:
    manifest = hit.manifest
    name = str(manifest["name"])
    scope = name[1:].partition("/")[0] if name.startswith("@") else _UNSCOPED
    publisher = manifest.get("_npmUser", {})
    package = {
        "name": name,
        "scope": scope,
        "version": manifest["version"],
        "description": manifest.get("description", ""),
        "keywords": manifest.get("keywords", []),
        "date": timestamp(hit.published_at),
        "links": {"npm": hit.page_url, **_links(manifest)},
        "publisher": _user(publisher.get("name", ""), publisher.get("email", "")),
        # npm's text output fails where this is missing.
        "maintainers": [_user(username, email) for username, email in hit.maintainers],
    }
    if manifest.get("author"):
        package["author"] = manifest["author"]
    return package


def _links(manifest: Mapping[str, Any]) -> dict[str, str]:
    found = {
        "homepage": manifest.get("homepage"),
        "repository": manifest.get("repository", {}).get("url"),
        "bugs": manifest.get("bugs", {}).get("url"),
    }
    return {kind: url for kind, url in found.items() if isinstance(url, str)}


def _user(username: str, email: str) -> dict[str, str]:
    user = person(username, email)
    user["username"] = user.pop("name")
    return user
