"""Find packages by words, for the search commands of package clients.

Only what the caller may read in the scope is looked at, and counted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app import access
from app.auth.principal import Principal
from app.models import Package, User, Version
from app.models.rows import rows_of
from app.registry import search_terms
from app.registry.documents import Person
from app.registry.scope_repositories import repositories_in
from app.registry.scopes import Scope, ScopeKind

Row = dict[str, Any]  # a document as MongoDB holds it

MOST_COUNTED = 10_000

DEPRECATED = "deprecated"
UNSTABLE = "unstable"  # below 1, in semantic versions

_BELOW_ONE = re.compile(r"^0\.")
_LARGEST_MANIFEST_BYTES = 32 * 1024
_SHOWN_OF_PACKAGE = {
    "display_name": 1,
    "latest_number": 1,
    "summary": 1,
    "keywords": 1,
    "owners": 1,
}
_SHOWN_OF_VERSION: Row = {
    "package": 1,
    "published_at": 1,
    "files": 1,
    "manifest": {
        "$cond": [
            {"$lte": [{"$binarySize": "$manifest"}, _LARGEST_MANIFEST_BYTES]},
            "$manifest",
            None,
        ]
    },
}


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is looked for; everything given has to hold, nothing given finds all.

    Attributes:
        text: each of its words begins one of the name's, is in the summary, or is a keyword.
        name_prefix: what the normal name begins with.
        owner: a username.
        keywords: groups of alternatives; of each group one has to be there.
        flags, not_flags: what the newest version has to be, and must not be: ``DEPRECATED``,
            ``UNSTABLE``. Nothing is what has no name here.
    """

    text: str = ""
    name_prefix: str = ""
    owner: str = ""
    keywords: tuple[tuple[str, ...], ...] = ()
    flags: frozenset[str] = frozenset()
    not_flags: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One package that was found.

    Attributes:
        package: of its row, what ``_SHOWN_OF_PACKAGE`` names.
        manifest: of its newest version; none where it is larger than a list of many can hold.
        files: of that version, as its row has them.
        published_at: of that version, UTC.
    """

    package: Row
    manifest: bytes | None
    files: list[Row]
    published_at: datetime
    owners: tuple[Person, ...]


@dataclass(frozen=True, kw_only=True)
class Hits:
    """A part of what was found.

    Attributes:
        total: how many there are in all; of more than ``MOST_COUNTED``, that.
    """

    items: list[Hit]
    total: int


def search(principal: Principal, scope: Scope, terms: Terms, *, start: int, limit: int) -> Hits:
    """Return at most ``limit`` hits from ``start`` on, ordered by name."""
    where = _condition(principal, scope, terms)
    if where is None:
        return Hits(items=[], total=0)
    matching = [{"$match": where}, *_by_deprecation(terms)]
    packages = rows_of(Package)
    counting = [*matching, {"$limit": MOST_COUNTED}, {"$count": "packages"}]
    counted = next(packages.aggregate(counting), {"packages": 0})
    # MongoDB takes no limit of none.
    found = packages.aggregate([*matching, *_page(start, limit)]) if limit else ()
    return Hits(items=_hits(list(found)), total=counted["packages"])


def _page(start: int, limit: int) -> list[Row]:
    return [
        {"$sort": {"name": 1, "_id": 1}},
        {"$skip": start},
        {"$limit": limit},
        {"$project": _SHOWN_OF_PACKAGE},
    ]


def _condition(principal: Principal, scope: Scope, terms: Terms) -> Row | None:
    every = search_terms.matching(f"{terms.text} {terms.name_prefix}")
    if every is None:
        return None
    among: Row = {"protocol": scope.protocol}
    if scope.kind is not ScopeKind.PLATFORM:
        among["_id"] = {"$in": [one.id for one in repositories_in(scope)]}
    readable = access.readable_repository_ids(principal, among=among)
    every.append({"repository": {"$in": list(readable)}})
    every += [search_terms.matching_keywords(group) for group in terms.keywords]
    if terms.name_prefix:
        every.append({"name": {"$regex": "^" + re.escape(terms.name_prefix)}})
    if terms.owner:
        user = rows_of(User).find_one({"username": terms.owner}, {"_id": 1})
        if user is None:
            return None
        every.append({"owners": user["_id"]})
    if terms.flags - {DEPRECATED, UNSTABLE}:
        return None
    if UNSTABLE in terms.flags:
        every.append({"latest_number": _BELOW_ONE})
    if UNSTABLE in terms.not_flags:
        every.append({"latest_number": {"$not": _BELOW_ONE}})
    return {"$and": every}


def _by_deprecation(terms: Terms) -> list[Row]:
    """Return the stages that look at each package's newest version, if that is asked for."""
    conditions: list[Row] = []
    if DEPRECATED in terms.flags:
        conditions.append({"deprecated": {"$ne": []}})
    if DEPRECATED in terms.not_flags:
        conditions.append({"deprecated": []})
    if not conditions:
        return []
    newest = {
        "$and": [{"$eq": ["$package", "$$package"]}, {"$eq": ["$number", "$$number"]}],
    }
    look = {
        "from": rows_of(Version).name,
        "let": {"package": "$_id", "number": "$latest_number"},
        "pipeline": [
            {"$match": {"$expr": newest, "deprecated": {"$gt": ""}}},
            {"$project": {"_id": 1}},
        ],
        "as": "deprecated",
    }
    return [{"$lookup": look}, {"$match": {"$and": conditions}}]


def _hits(packages: list[Row]) -> list[Hit]:
    numbers = [{"package": one["_id"], "number": one["latest_number"]} for one in packages]
    versions = {
        one["package"]: one
        for one in (rows_of(Version).find({"$or": numbers}, _SHOWN_OF_VERSION) if numbers else ())
    }
    ids = {owner for one in packages for owner in one.get("owners", ())}
    people = {
        one["_id"]: Person(username=one["username"], email=one["email"])
        for one in rows_of(User).find({"_id": {"$in": list(ids)}}, {"username": 1, "email": 1})
    }
    return [
        Hit(
            package=one,
            manifest=versions[one["_id"]].get("manifest"),
            files=versions[one["_id"]].get("files") or [],
            published_at=versions[one["_id"]]["published_at"],
            owners=tuple(people[user] for user in one.get("owners", ()) if user in people),
        )
        for one in packages
        if one["_id"] in versions
    ]
