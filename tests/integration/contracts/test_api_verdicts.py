"""Who is refused what, operation by operation and caller by caller: none is without a verdict.

What is refused changes nothing. What may be done is done where it only reads; a change is asked for
on the condition of an ETag that no resource has, which is looked at once the caller may make it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from app.auth.principal import TokenLimits
from app.models import OrganizationRole, RepositoryRole
from app.models.rows import rows_of
from app.registry import background
from app.registry.background import JobTarget
from tests.api_client import BASE, ApiClient, smallest_body
from tests.integration.contracts import permissions_page
from tests.integration.contracts.verdicts import OK, PEOPLE, TOKENS, Operation, operations
from tests.npm_wire import a_publish

if TYPE_CHECKING:
    from flask import Flask

    from tests.world import Person, World

# They end what the next caller needs: the tests of their resources do them.
UNDONE = {
    *("post /auth/logout", "post /tokens/{token}/rotate", "delete /auth/sessions"),
    *("delete /auth/sessions/{session}", "post /jobs/{job}/cancel"),
}
NO_ETAG = '"that nothing has"'


@pytest.fixture
def owner(world: World) -> Person:
    return world.person("owner")


@pytest.fixture
def places(app: Flask, world: World, owner: Person) -> dict[str, str]:
    """What stands for each part of a path: things that are there."""
    world.organization("acme", owner)
    world.organization("elsewhere", owner)
    client = ApiClient(app, owner)

    def publish(name: str) -> str:
        body = a_publish(f"@acme/{name}").body()
        path = f"/o/acme/npm/@acme%2f{name}"
        published = app.test_client().put(path, data=body, headers=owner.bearer)
        assert published.status_code in {200, 201}
        package: str = client.read(f"/packages/by-name/npm/acme/@acme/{name}")["id"]
        return package

    package, deleted = publish("thing"), publish("old-thing")
    assert client.delete(f"/packages/{deleted}").status_code == 204
    team = client.made("/organizations/acme/teams", {"slug": "dev"})["id"]
    client.made(f"/teams/{team}/members", {"user": "owner"})
    with app.app_context():
        target = JobTarget(type="repository", id=package, name="acme/old")
        job = background.begin(owner.principal, "repository.delete", target, total=1)
    return {
        "organization": "acme",
        "user": "owner",
        "team": team,
        "repository": client.items("/organizations/acme/repositories")[0]["id"],
        "package": package,
        "tombstone": deleted,
        "version": "1.0.0",
        "protocol": "npm",
        "name": "@acme/thing",
        "token": owner.token_id,
        "session": "6b0770f257876d9d35a17234",
        "job": job.id,
    }


@pytest.fixture
def callers(
    app: Flask, world: World, owner: Person, places: dict[str, str]
) -> dict[str, Person | None]:
    """Everybody of the table."""
    made: dict[str, Person | None] = {"nobody": None, "owner": owner}
    made["root"] = world.person("root", admin=True)
    for name in PEOPLE:
        if name not in made:
            made[name] = world.person(name)
    for name, role in (
        *((name, OrganizationRole.MEMBER) for name in ("member", "team-member", "team-lead")),
        ("admin", OrganizationRole.ADMIN),
    ):
        world.member("acme", owner, _some(made[name]), role)
    for name, role in (
        *((role.value, role) for role in RepositoryRole if role is not RepositoryRole.ADMIN),
        ("repo-admin", RepositoryRole.ADMIN),
    ):
        world.grant(places["repository"], owner, _some(made[name]), role)
    client, team = ApiClient(app, owner), f"/teams/{places['team']}"
    assert client.put(f"{team}/repositories/{places['repository']}").status_code == 200
    client.made(f"{team}/members", {"user": "team-member", "role": "member"})
    client.made(f"{team}/members", {"user": "team-lead", "role": "maintainer"})
    elsewhere = client.read("/organizations/elsewhere")["id"]
    limits = {
        **{name: TokenLimits(actions=frozenset({name})) for name in ("read", "write", "delete")},
        "npm": TokenLimits(protocols=frozenset({"npm"})),
        "elsewhere": TokenLimits(organizations=frozenset({elsewhere})),
    }
    return made | {name: world.with_token(owner.user, limits[name]) for name in TOKENS}


def _some(person: Person | None) -> Person:
    assert person is not None
    return person


def test_every_operation_has_a_verdict(app: Flask) -> None:
    document = ApiClient(app).read("/openapi.json")
    described = {
        (method, path.removeprefix(BASE))
        for path, item in document["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert {(one.method, one.path) for one in operations()} == described


def test_each_caller_gets_the_verdict(
    app: Flask, callers: dict[str, Person | None], places: dict[str, str]
) -> None:
    document = ApiClient(app).read("/openapi.json")
    before = _everything(app)
    wrong = []
    for operation in operations():
        for caller, verdict in operation.verdicts().items():
            client = ApiClient(app, callers[caller])
            status = _answer(client, operation, verdict, document, places)
            if status is not None and not _is_right(operation, verdict, status):
                wrong.append(f"{operation} {caller}: {status}, not {verdict}")
    assert not wrong, "\n".join(wrong)
    assert _everything(app) == before


def _answer(
    client: ApiClient,
    operation: Operation,
    verdict: str,
    document: dict[str, Any],
    places: dict[str, str],
) -> int | None:
    """Return the status that an operation gets; none where it is not done."""
    described = document["paths"][BASE + operation.path][operation.method]
    filled = re.sub(r"\{(\w+)\}", lambda match: places[match[1]], operation.path)
    headers = {}
    if verdict == OK and operation.method != "get":
        conditions = [one.get("$ref", "") for one in described.get("parameters", [])]
        is_conditional = any(one.endswith("/IfMatch") for one in conditions)
        if not is_conditional or f"{operation.method} {operation.path}" in UNDONE:
            return None
        headers["If-Match"] = NO_ETAG
    body = smallest_body(document, operation.method, operation.path)
    return client.send(operation.method.upper(), filled, body, headers=headers).status_code


def _is_right(operation: Operation, verdict: str, status: int) -> bool:
    if verdict != OK:
        return status == int(verdict)
    if operation.method == "get":
        # There are no sessions in this test, so one that is asked for is not found.
        return status == (404 if "{session}" in operation.path else 200)
    # A body of the smallest kind may be unacceptable, and what it names missing.
    return status in {412, 422, 404}


def _everything(app: Flask) -> dict[str, int]:
    """Count what could have been changed, and sum up its versions."""
    from app.models import (  # noqa: PLC0415
        Grant,
        Membership,
        Organization,
        Package,
        Repository,
        Team,
        TeamMember,
        User,
        Version,
    )

    kinds = (Grant, Membership, Organization, Package, Repository, Team, TeamMember, User, Version)
    with app.app_context():
        return {
            kind.__name__: hash(
                tuple(
                    (str(row["_id"]), str(row.get("updated_at")), str(row.get("state")))
                    for row in rows_of(kind).find().sort("_id", 1)
                )
            )
            for kind in kinds
        }


def test_the_page_says_what_the_table_says() -> None:
    assert permissions_page.PAGE.read_text() == permissions_page.page(), (
        "Write it anew: python -m tests.integration.contracts.permissions_page"
    )
