"""Pages while others write: what is there throughout is given once, and only once."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from bson import ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.models import Organization, Package, User
from app.models.fields import now
from app.models.rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from mongoengine import Document

    from tests.api_client import ApiClient
    from tests.world import Person

STABLE = 12


@pytest.fixture
def client(api: ApiClient, root: Person, publish: Callable[..., None]) -> ApiClient:
    """Somebody who sees everything, among which is a package with a version."""
    publish("@acme/thing")
    return api.as_(root)


class Crowd:
    """Rows of one kind, of which some stay and others come and go.

    Each differs from the one that is there already in its name only.
    """

    def __init__(self, kind: type[Document], fields: tuple[str, ...]) -> None:
        self._rows = rows_of(kind)
        self._fields = fields
        self._template = self._rows.find_one({}, sort=[("_id", -1)]) or {}
        self._numbers = iter(range(10**6))

    def add(self, position: int) -> ObjectId:
        """Insert one whose name sorts by its position; positions may be equal."""
        number = next(self._numbers)
        row = {**self._template, "_id": ObjectId(), "number": 10_000 + number}
        for field in self._fields:
            row[field] = f"{position:06d}-{number:06d}"
        self._rows.insert_one({**row, "updated_at": now()})
        return ObjectId(row["_id"])

    def remove(self, row: ObjectId) -> None:
        self._rows.delete_one({"_id": row})

    def clear(self) -> None:
        self._rows.delete_many({self._fields[0]: {"$regex": "^[0-9]{6}-"}})


LISTS = {
    "/packages": (Package, ("name", "display_name")),
    "/packages?sort=-name": (Package, ("name", "display_name")),
    "/users": (User, ("username", "email")),
    "/organizations": (Organization, ("slug",)),
}


@pytest.mark.parametrize("path", list(LISTS))
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(limit=st.integers(1, 7), seed=st.integers(0, 2**32))
def test_what_stays_is_given_once(
    app: Flask, client: ApiClient, path: str, limit: int, seed: int
) -> None:
    kind, fields = LISTS[path]
    chance = random.Random(seed)  # noqa: S311  no secret
    with app.app_context():
        crowd = Crowd(kind, fields)
        crowd.clear()
        staying = {crowd.add(chance.randrange(100)) for _ in range(STABLE)}
        passing = [crowd.add(chance.randrange(100)) for _ in range(STABLE)]
        given_out: list[str] = []
        cursor = ""
        while True:
            page = client.read(f"{path}{'&' if '?' in path else '?'}limit={limit}{cursor}")
            given_out += [one["id"] for one in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
            passing.append(crowd.add(chance.randrange(100)))
            crowd.remove(passing.pop(chance.randrange(len(passing))))
        crowd.clear()
    assert len(set(given_out)) == len(given_out)
    assert {str(one) for one in staying} <= set(given_out)
