"""No list and no search of the API goes through a whole collection.

MongoDB's profiler says how it found what each request asked for.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from app import audit
from tests.api_client import BASE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from pymongo.database import Database

    from tests.api_client import ApiClient
    from tests.world import Person, World

PROFILE = "system.profile"
# One row of the platform's own, looked up by its id, or a queue that is read whole.
READ_WHOLE = {"audit_pending"}
LOOKED_UP = ("{job}", "{job}/items", "{token}", "{session}")  # by its id
QUERIES = {
    "/packages": (
        *("sort=-name", "sort=updated_at", "sort=-updated_at", "q=thing", "q=a+thing"),
        *("q=averyveryverylongword", "org=acme", "org=acme&q=thing", "protocol=npm"),
        *("repository=npm&org=acme", "purl=pkg:npm/%40acme/thing", "q=thing&sort=-updated_at"),
    ),
    "/audit": (
        *("actor=alice", "actor=operator", "action=package.publish", "result=denied"),
        *("resource_type=package", "resource=@acme/thing", "org=acme"),
        *("from=2026-01-01T00:00:00Z", "actor=alice&action=token.create&org=acme"),
    ),
    "/jobs": ("state=failed",),
    "/organizations/{organization}/tombstones": ("protocol=npm",),
}


class Profiler:
    """What MongoDB did, and how."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._database = database

    @contextmanager
    def watching(self) -> Iterator[list[dict[str, Any]]]:
        """Gives what was done in the block, once that has ended."""
        found: list[dict[str, Any]] = []
        self._database.command("profile", 2)
        try:
            yield found
        finally:
            self._database.command("profile", 0)
            found += self._database[PROFILE].find({"planSummary": {"$exists": True}})
            self._database[PROFILE].drop()


@pytest.fixture
def profiler(app: Flask, database: Database[dict[str, Any]]) -> Profiler:
    del app
    return Profiler(database)


@pytest.fixture
def ids(
    api: ApiClient, world: World, alice: Person, member: Person, publish: Callable[..., None]
) -> dict[str, str]:
    """What the parts of a path stand for, in a world that has some of everything."""
    client = api.as_(alice)
    for number in range(3):
        publish("@acme/thing", f"1.{number}.0", keywords=["useful"])
        publish(f"@acme/other-{number}")
    package = client.read("/packages/by-name/npm/acme/@acme%2fthing")["id"]
    (repository,) = client.items("/organizations/acme/repositories")
    team = client.made("/organizations/acme/teams", {"slug": "ours"})["id"]
    client.put(f"/teams/{team}/members/{member.user.id}", {"role": "member"})
    client.put(f"/teams/{team}/repositories/{repository['id']}")
    gone = client.read("/packages/by-name/npm/acme/@acme%2fother-0")["id"]
    assert client.delete(f"/packages/{gone}").status_code == 204
    crowded = client.made("/organizations", {"slug": "crowded"})["id"]
    world.repository("crowded", alice, "npm")
    assert crowded
    with world.app.app_context():
        audit.flush()
    return {
        "organization": "acme",
        "package": package,
        "repository": repository["id"],
        "team": team,
        "tombstone": gone,
        "version": "1.0.0",
        "number": "1.0.0",
        "user": str(member.user.id),
        "protocol": "npm",
        "name": "@acme%2fthing",
    }


def reads(api: ApiClient) -> list[str]:
    """The path of everything that can be read, as its rule has it."""
    paths = api.read("/openapi.json")["paths"]
    found = [path.removeprefix(BASE) for path, operations in paths.items() if "get" in operations]
    return [path for path in found if not path.endswith(LOOKED_UP)]


def test_every_read_is_answered_by_indexes(
    api: ApiClient, root: Person, alice: Person, ids: dict[str, str], profiler: Profiler
) -> None:
    asked = found = 0
    for rule in reads(api):
        concrete = rule.format_map(ids)
        for query in ("", *QUERIES.get(rule, ())):
            for person in (root, alice, None):
                with profiler.watching() as done:
                    answer = api.as_(person).get(f"{concrete}?{query}".rstrip("?"))
                asked, found = asked + 1, found + len(done)
                assert answer.status_code in {200, 401, 403, 404, 422}, (concrete, query)
                scans = {
                    one["ns"].partition(".")[2] for one in done if "COLLSCAN" in one["planSummary"]
                }
                assert scans <= READ_WHOLE, (concrete, query, person)
    assert found > asked > 100
