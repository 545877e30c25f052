"""The management API, and some people who use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app import audit
from app.models import AuditRecord, OrganizationRole
from app.registry import background, cascading
from tests.api_client import ApiClient
from tests.npm_wire import a_publish

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from tests.world import Person, World


@pytest.fixture
def api(app: Flask) -> ApiClient:
    """A client without credentials."""
    return ApiClient(app)


@pytest.fixture
def root(world: World) -> Person:
    """A platform admin."""
    return world.person("root-admin", admin=True)


@pytest.fixture
def alice(world: World) -> Person:
    """Owner of ``acme``, where there is one."""
    return world.person("alice")


@pytest.fixture
def bob(world: World) -> Person:
    return world.person("bob")


@pytest.fixture
def stranger(world: World) -> Person:
    """Somebody who is in no organization of the test."""
    return world.person("stranger")


@pytest.fixture
def publish(app: Flask, acme: str, alice: Person) -> Callable[..., None]:
    """Publish a package of Alice's to ``acme``: ``publish("@acme/thing", "1.0.0")``."""
    del acme

    def send(name: str, version: str = "1.0.0", **more: Any) -> None:
        document = a_publish(name, version, **more)
        response = app.test_client().put(
            f"/o/acme/npm/{name.replace('/', '%2f')}", data=document.body(), headers=alice.bearer
        )
        assert response.status_code in {200, 201}, response.get_data(as_text=True)

    return send


@pytest.fixture
def acme(world: World, alice: Person) -> str:
    """The id of an organization that Alice owns."""
    return world.organization("acme", alice)


@pytest.fixture
def admin(world: World, alice: Person, acme: str) -> Person:
    """An admin of ``acme``."""
    del acme
    person = world.person("admin-of-acme")
    world.member("acme", alice, person, OrganizationRole.ADMIN)
    return person


@pytest.fixture
def member(world: World, alice: Person, acme: str) -> Person:
    """A plain member of ``acme``."""
    del acme
    person = world.person("member-of-acme")
    world.member("acme", alice, person, OrganizationRole.MEMBER)
    return person


@pytest.fixture
def people(
    stranger: Person, member: Person, admin: Person, alice: Person, root: Person
) -> dict[str, Person | None]:
    """Everybody whose rights in ``acme`` differ, the least of them first."""
    return {
        "nobody": None,
        "stranger": stranger,
        "member": member,
        "admin": admin,
        "owner": alice,
        "root": root,
    }


@pytest.fixture
def recorded(app: Flask) -> Callable[[str], list[dict[str, Any]]]:
    """Read what the audit says about an action, in order."""

    def read(action: str) -> list[dict[str, Any]]:
        with app.app_context():
            audit.flush()
            rows = AuditRecord.objects(action=action).order_by("seq")
            return [row.to_mongo().to_dict() for row in rows]

    return read


@pytest.fixture
def work(app: Flask) -> Callable[[], None]:
    """Do the jobs that are due, as a worker does."""

    def run() -> None:
        with app.app_context():
            background.run_due(cascading.WORK, seconds=60)

    return run
