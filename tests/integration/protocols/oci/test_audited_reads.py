"""Reads leave a trace where the operator wants one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app import audit
from app.audit import AuditAction
from app.models import AuditRecord
from tests.integration.protocols.oci.conftest import an_image, sha256

if TYPE_CHECKING:
    from config.settings import Settings
    from tests.acme import Acme
    from tests.integration.protocols.oci.conftest import Oci
    from tests.world import World


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"audit_reads": True})


def test_who_was_given_what_is_recorded_each_time(oci: Oci, acme: Acme, world: World) -> None:
    image = an_image()
    oci.push(image, "1")
    layer = sha256(image.blobs[-1])
    for path in ("manifests/1", "manifests/1", f"blobs/{layer}", "tags/list"):
        assert oci.get(path).status_code == 200
    oci.referrers(image.digest)
    assert oci.get("manifests/none").status_code == 404
    with world.context():
        audit.flush()
        events = list(AuditRecord.objects(action=AuditAction.PACKAGE_READ).order_by("seq"))
    assert [event.details for event in events] == [
        {"manifest": "1", "digest": image.digest},
        {"manifest": "1", "digest": image.digest},
        {"blob": layer},
        {"document": "tags"},
        {"document": f"referrers of {image.digest}"},
    ]
    for event in events:
        assert event.actor["name"] == acme.maintainer.user.username
        assert (event.organization, event.repository, event.protocol) == ("acme", "oci", "oci")
        assert event.resource["name"] == "app"
