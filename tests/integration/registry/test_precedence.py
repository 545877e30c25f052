"""Which version speaks for a package, whatever was yanked before a publish."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.models import Package
from app.models.rows import rows_of
from tests.distributions import a_wheel, an_sdist

if TYPE_CHECKING:
    from flask import Flask

    from tests.distributions import Distribution
    from tests.world import Person, World


@pytest.fixture
def owner(world: World) -> Person:
    owner = world.person("olivia")
    world.organization("acme", owner)
    return owner


def upload(app: Flask, owner: Person, file: Distribution) -> None:
    answer = app.test_client().post(
        "/o/acme/pypi/legacy/",
        data=file.form(),
        headers=owner.bearer,
        content_type="multipart/form-data",
    )
    assert answer.status_code == 200, answer.get_data()


def yank(app: Flask, owner: Person, number: str) -> None:
    row = rows_of(Package).find_one({})
    assert row is not None
    answer = app.test_client().post(
        f"/api/v1/packages/{row['_id']}/versions/{number}/yank",
        json={"reason": "broken"},
        headers=owner.bearer,
    )
    assert answer.status_code == 200, answer.get_data()


def latest() -> str:
    row = rows_of(Package).find_one({})
    assert row is not None
    return str(row["latest_display"])


def test_a_lower_version_speaks_where_the_highest_is_yanked(app: Flask, owner: Person) -> None:
    upload(app, owner, a_wheel("thing", "2.0"))
    yank(app, owner, "2.0")
    upload(app, owner, a_wheel("thing", "1.5"))
    assert latest() == "1.5"


def test_another_file_of_a_yanked_version_does_not_speak(app: Flask, owner: Person) -> None:
    for version in ("1.0", "2.0"):
        upload(app, owner, a_wheel("thing", version))
    yank(app, owner, "2.0")
    assert latest() == "1.0"
    upload(app, owner, an_sdist("thing", "2.0"))
    assert latest() == "1.0"
