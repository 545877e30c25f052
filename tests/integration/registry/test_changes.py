"""Changes of packages that are not what their caller found any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.errors import NotFound
from app.protocols.pypi import identity
from app.registry import deletion, resolution
from tests.acme import acme_scope
from tests.distributions import a_wheel

if TYPE_CHECKING:
    from flask import Flask

    from tests.world import World


def test_what_was_published_to_another_repository_meanwhile_is_not_changed(
    app: Flask, world: World
) -> None:
    owner = world.person("olivia")
    world.organization("acme", owner)
    for repository in ("a", "b"):
        world.repository("acme", owner, repository, protocol="pypi")
    client = app.test_client()

    def upload(repository: str, version: str) -> None:
        answer = client.post(
            f"/r/acme/{repository}/pypi/legacy/",
            data=a_wheel("thing", version).form(),
            headers=owner.bearer,
            content_type="multipart/form-data",
        )
        assert answer.status_code == 200, answer.get_data()

    upload("a", "1.0")
    scope = acme_scope("pypi")
    with world.context():
        found = resolution.for_read(owner.principal, scope, identity.to_read("thing"))
        deletion.delete_package(owner.principal, found)
    upload("b", "2.0")
    with world.context(), pytest.raises(NotFound):
        deletion.delete_package(owner.principal, found)
    index = client.get("/r/acme/b/pypi/simple/", headers=owner.bearer).text
    page = client.get("/r/acme/b/pypi/simple/thing/", headers=owner.bearer)
    assert ("thing" in index, page.status_code) == (True, 200)
