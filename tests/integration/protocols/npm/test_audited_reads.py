"""Reads leave a trace where the operator wants one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app import audit
from app.audit import AuditAction
from app.models import AuditRecord

if TYPE_CHECKING:
    from config.settings import Settings
    from tests.acme import Acme
    from tests.integration.protocols.npm.conftest import Npm
    from tests.world import World

TARBALL = "@acme/thing/-/thing-1.0.0.tgz"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"audit_reads": True})


def reads(world: World) -> list[AuditRecord]:
    with world.context():
        audit.flush()
        return list(AuditRecord.objects(action=AuditAction.PACKAGE_READ).order_by("seq"))


def test_who_was_given_an_artifact_is_recorded_each_time(
    npm: Npm, acme: Acme, world: World
) -> None:
    npm.published()
    etag = npm.get(TARBALL).headers["ETag"]
    assert npm.get(TARBALL, **{"If-None-Match": etag}).status_code == 304
    first, second = reads(world)
    for event in (first, second):
        assert event.actor["name"] == acme.maintainer.user.username
        assert event.resource["name"] == "@acme/thing"
        assert (event.organization, event.repository, event.protocol) == ("acme", "npm", "npm")
        assert event.details == {"file": "thing-1.0.0.tgz"}


def test_who_was_given_a_document_is_recorded_each_time(npm: Npm, world: World) -> None:
    npm.published()
    for path in ("@acme/thing", "@acme/thing", "@acme/thing/latest"):
        assert npm.get(path).status_code == 200
    assert [event.details for event in reads(world)] == [
        {"document": "npm/packument"},
        {"document": "npm/packument"},
        {"document": "npm/manifest/latest"},
    ]


def test_what_is_not_there_or_not_for_the_caller_is_no_read(npm: Npm, world: World) -> None:
    npm.published()
    assert npm.get("@acme/thing/-/thing-2.0.0.tgz").status_code == 404
    assert npm.client.get(f"/npm/{TARBALL}").status_code == 401
    assert reads(world) == []
