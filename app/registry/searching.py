"""Find packages by words, for the search commands of package clients.

Only what the caller may read in the scope is looked at, and counted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from app import access
from app.auth.principal import Principal
from app.models import Package, User, Version
from app.models.rows import rows_of
from app.registry.documents import Person
from app.registry.repositories import organization_by_slug
from app.registry.scopes import Scope, ScopeKind

Row = dict[str, Any]  # a document as MongoDB holds it


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is looked for; everything given has to hold, nothing given finds all.

    Attributes:
        words: each is contained in the name or summary, or is a keyword; lower case.
        name_prefix: what the normal name begins with.
        owner: a username.
        keywords: groups of alternatives; of each group one has to be there.
    """

    words: tuple[str, ...] = ()
    name_prefix: str = ""
    owner: str = ""
    keywords: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One package that was found: its row, its newest version's, and its owners."""

    package: Row
    version: Row
    owners: tuple[Person, ...]


@dataclass(frozen=True, kw_only=True)
class Hits:
    """A part of what was found.

    Attributes:
        total: how many there are in all.
    """

    items: list[Hit]
    total: int


def search(principal: Principal, scope: Scope, terms: Terms, *, start: int, limit: int) -> Hits:
    """Return the hits from ``start`` on, ordered by name."""
    where = _condition(principal, scope, terms)
    if where is None:
        return Hits(items=[], total=0)
    packages = rows_of(Package)
    found = list(packages.find(where).sort([("name", 1), ("_id", 1)]).skip(start).limit(limit))
    return Hits(items=_hits(found), total=packages.count_documents(where))


def _condition(principal: Principal, scope: Scope, terms: Terms) -> Row | None:
    readable = access.readable_repository_ids(principal)
    if scope.kind is not ScopeKind.PLATFORM:
        readable &= _repositories_in(scope)
    where: Row = {
        "protocol": scope.protocol,
        "repository": {"$in": list(readable)},
        "deleted_at": None,
    }
    every: list[Row] = [_matches_word(word) for word in terms.words]
    every += [{"keywords": {"$in": list(group)}} for group in terms.keywords]
    if terms.name_prefix:
        every.append({"name": {"$regex": "^" + re.escape(terms.name_prefix)}})
    if terms.owner:
        user = rows_of(User).find_one({"username": terms.owner}, {"_id": 1})
        if user is None:
            return None
        every.append({"owners": user["_id"]})
    return {**where, "$and": every} if every else where


def _matches_word(word: str) -> Row:
    contained = {"$regex": re.escape(word), "$options": "i"}
    return {"$or": [{"name": contained}, {"summary": contained}, {"keywords": word}]}


def _repositories_in(scope: Scope) -> frozenset[ObjectId]:
    organization = organization_by_slug(scope.organization)
    if organization is None:
        return frozenset()
    repositories = organization.of(scope.protocol)
    if scope.kind is ScopeKind.ORGANIZATION:
        return frozenset(one.id for one in repositories)
    asked = next((one for one in repositories if one.name == scope.repository), None)
    return frozenset() if asked is None else frozenset({asked.id, *asked.members})


def _hits(packages: list[Row]) -> list[Hit]:
    numbers = [{"package": one["_id"], "number": one["latest_number"]} for one in packages]
    versions = {
        one["package"]: one
        for one in (rows_of(Version).find({"$or": numbers}, {"readme": 0}) if numbers else ())
    }
    ids = {owner for one in packages for owner in one.get("owners", ())}
    people = {
        one["_id"]: Person(username=one["username"], email=one["email"])
        for one in rows_of(User).find({"_id": {"$in": list(ids)}}, {"username": 1, "email": 1})
    }
    return [
        Hit(
            package=one,
            version=versions[one["_id"]],
            owners=tuple(people[user] for user in one.get("owners", ()) if user in people),
        )
        for one in packages
        if one["_id"] in versions
    ]
