"""Who is refused what, operation by operation: none is without a verdict.

The organization is private, and so is its repository. What may be done is done by the
tests of each resource; here it is only seen not to be refused where it changes nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from app.auth.principal import TokenLimits
from app.models import OrganizationRole
from tests.api_client import BASE, ApiClient, smallest_body
from tests.npm_wire import a_publish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from tests.world import Person, World

CALLERS = ("nobody", "stranger", "member", "admin", "owner", "root", "npm_token", "read_token")

# The last two are tokens of the owner: one for npm only, one for reading only.
VERDICTS = """
post   /auth/login                                  ok  ok  ok  ok  ok  ok  ok  ok
post   /auth/refresh                                ok  ok  ok  ok  ok  ok  ok  ok
post   /auth/logout                                 401 ok  ok  ok  ok  ok  ok  ok
get    /auth/me                                     401 ok  ok  ok  ok  ok  403 ok
get    /auth/providers                              ok  ok  ok  ok  ok  ok  ok  ok
get    /auth/sessions                               401 ok  ok  ok  ok  ok  403 ok
delete /auth/sessions                               401 ok  ok  ok  ok  ok  403 403
get    /auth/sessions/{session}                     401 ok  ok  ok  ok  ok  403 ok
delete /auth/sessions/{session}                     401 ok  ok  ok  ok  ok  403 403
post   /auth/password                               401 ok  ok  ok  ok  ok  403 403
get    /users                                       401 403 403 403 403 ok  403 403
post   /users                                       401 403 403 403 403 ok  403 403
get    /users/{user}                                401 404 404 404 ok  ok  403 ok
put    /users/{user}                                401 404 404 404 ok  ok  403 403
patch  /users/{user}                                401 404 404 404 ok  ok  403 403
delete /users/{user}                                401 403 403 403 403 ok  403 403
get    /organizations                               ok  ok  ok  ok  ok  ok  403 ok
post   /organizations                               401 ok  ok  ok  ok  ok  403 403
get    /organizations/{organization}                401 404 ok  ok  ok  ok  403 ok
put    /organizations/{organization}                401 404 403 ok  ok  ok  403 403
patch  /organizations/{organization}                401 404 403 ok  ok  ok  403 403
delete /organizations/{organization}                401 404 403 403 ok  ok  403 403
get    /organizations/{organization}/members        401 404 ok  ok  ok  ok  403 ok
post   /organizations/{organization}/members        401 404 403 ok  ok  ok  403 403
get    /organizations/{organization}/members/{user} 401 404 ok  ok  ok  ok  403 ok
put    /organizations/{organization}/members/{user} 401 404 403 ok  ok  ok  403 403
delete /organizations/{organization}/members/{user} 401 404 403 403 ok  ok  403 403
get    /organizations/{organization}/teams          401 404 ok  ok  ok  ok  403 ok
post   /organizations/{organization}/teams          401 404 403 ok  ok  ok  403 403
get    /teams/{team}                                401 404 ok  ok  ok  ok  403 ok
put    /teams/{team}                                401 404 403 ok  ok  ok  403 403
patch  /teams/{team}                                401 404 403 ok  ok  ok  403 403
delete /teams/{team}                                401 404 403 ok  ok  ok  403 403
get    /teams/{team}/members                        401 404 ok  ok  ok  ok  403 ok
post   /teams/{team}/members                        401 404 403 ok  ok  ok  403 403
get    /teams/{team}/members/{user}                 401 404 ok  ok  ok  ok  403 ok
put    /teams/{team}/members/{user}                 401 404 403 ok  ok  ok  403 403
delete /teams/{team}/members/{user}                 401 404 403 ok  ok  ok  403 403
get    /teams/{team}/repositories                   401 404 ok  ok  ok  ok  403 ok
put    /teams/{team}/repositories/{repository}      401 404 404 ok  ok  ok  403 403
delete /teams/{team}/repositories/{repository}      401 404 404 ok  ok  ok  403 403
get    /organizations/{organization}/repositories   401 404 ok  ok  ok  ok  403 ok
post   /organizations/{organization}/repositories   401 404 403 ok  ok  ok  403 403
get    /repositories/{repository}                   401 404 404 ok  ok  ok  403 ok
put    /repositories/{repository}                   401 404 404 ok  ok  ok  403 403
patch  /repositories/{repository}                   401 404 404 ok  ok  ok  403 403
delete /repositories/{repository}                   401 404 404 ok  ok  ok  403 403
get    /repositories/{repository}/permissions       401 404 404 ok  ok  ok  403 403
get    /repositories/{repository}/permissions/effective      401 404 404 ok  ok  ok  403 ok
put    /repositories/{repository}/permissions/users/{user}   401 404 404 ok  ok  ok  403 403
delete /repositories/{repository}/permissions/users/{user}   401 404 404 ok  ok  ok  403 403
put    /repositories/{repository}/permissions/teams/{team}   401 404 404 ok  ok  ok  403 403
delete /repositories/{repository}/permissions/teams/{team}   401 404 404 ok  ok  ok  403 403
get    /packages                                    ok  ok  ok  ok  ok  ok  403 ok
get    /packages/by-name/{protocol}/{organization}/{name}    401 404 404 ok  ok  ok  403 ok
get    /packages/{package}                          401 404 404 ok  ok  ok  403 ok
delete /packages/{package}                          401 404 404 ok  ok  ok  403 403
get    /packages/{package}/versions                 401 404 404 ok  ok  ok  403 ok
get    /packages/{package}/versions/{version}       401 404 404 ok  ok  ok  403 ok
delete /packages/{package}/versions/{version}       401 404 404 ok  ok  ok  403 403
post   /packages/{package}/versions/{version}/yank      401 404 404 ok  ok  ok  403 403
post   /packages/{package}/versions/{version}/unyank    401 404 404 ok  ok  ok  403 403
get    /packages/{package}/versions/{version}/files     401 404 404 ok  ok  ok  403 ok
get    /packages/{package}/versions/{version}/readme    401 404 404 ok  ok  ok  403 ok
get    /packages/{package}/versions/{version}/dependencies  401 404 404 ok  ok  ok  403 ok
get    /organizations/{organization}/tombstones     401 404 403 ok  ok  ok  403 ok
get    /organizations/{organization}/tombstones/{tombstone}           401 404 403 ok  ok  ok  403 ok
get    /organizations/{organization}/tombstones/{tombstone}/versions  401 404 403 ok  ok  ok  403 ok
get    /tokens                                      401 ok  ok  ok  ok  ok  403 ok
post   /tokens                                      401 ok  ok  ok  ok  ok  403 403
get    /tokens/{token}                              401 404 404 404 ok  ok  403 ok
delete /tokens/{token}                              401 404 404 404 ok  ok  403 403
post   /tokens/{token}/rotate                       401 404 404 404 ok  404 403 403
get    /admin/tokens                                401 403 403 403 403 ok  403 403
"""


def verdicts() -> Iterator[tuple[str, str, dict[str, str]]]:
    for line in VERDICTS.strip().splitlines():
        method, path, *expected = line.split()
        yield method, path, dict(zip(CALLERS, expected, strict=True))


@pytest.fixture
def owner(world: World) -> Person:
    return world.person("owner")


@pytest.fixture
def callers(world: World, owner: Person) -> dict[str, Person | None]:
    world.organization("acme", owner)
    people: dict[str, Person | None] = {
        "nobody": None,
        "stranger": world.person("stranger"),
        "member": world.person("member"),
        "admin": world.person("admin"),
        "owner": owner,
        "root": world.person("root", admin=True),
        "npm_token": world.with_token(owner.user, TokenLimits(protocols=frozenset({"npm"}))),
        "read_token": world.with_token(owner.user, TokenLimits(actions=frozenset({"read"}))),
    }
    for name in ("member", "admin"):
        person = people[name]
        assert person is not None
        world.member("acme", owner, person, OrganizationRole(name))
    return people


@pytest.fixture
def places(app: Flask, owner: Person, callers: dict[str, Person | None]) -> dict[str, str]:
    """What stands for each part of a path: things that are there."""
    del callers
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
    }


def test_every_operation_has_a_verdict(app: Flask) -> None:
    document = ApiClient(app).read("/openapi.json")
    operations = {
        (method, path.removeprefix(BASE))
        for path, item in document["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert {(method, path) for method, path, _ in verdicts()} == operations


def test_each_caller_gets_the_verdict(
    app: Flask, callers: dict[str, Person | None], places: dict[str, str]
) -> None:
    document = ApiClient(app).read("/openapi.json")
    wrong = []
    for method, path, expected in verdicts():
        body = smallest_body(document, method, path)
        filled = re.sub(r"\{(\w+)\}", lambda match: places[match[1]], path)
        for caller, verdict in expected.items():
            if verdict == "ok" and method != "get":
                continue
            response = ApiClient(app, callers[caller]).send(method.upper(), filled, body)
            if verdict == "ok":
                # There are no sessions in this test, so one that is asked for is not found.
                is_right = response.status_code == (404 if "{session}" in path else 200)
            else:
                is_right = response.status_code == int(verdict)
            if not is_right:
                wrong.append(f"{method} {path} {caller}: {response.status_code}, not {verdict}")
    assert wrong == []
