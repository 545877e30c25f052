"""Repositories and organizations that hold no more than they may."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from app.extensions import store
from tests.npm_wire import a_publish

if TYPE_CHECKING:
    from tests.acme import Acme
    from tests.integration.protocols.npm.conftest import Npm
    from tests.world import World


@pytest.mark.parametrize("whose", ["organizations/acme", "repositories/{}"])
def test_a_publish_above_the_quota_is_refused(
    npm: Npm, world: World, acme: Acme, whose: str
) -> None:
    published = npm.published("@acme/other")
    size_bytes = len(base64.b64decode(published.attachment["data"]))
    set_to = world.app.test_client().patch(
        f"/api/v1/{whose.format(acme.repository)}",
        json={"settings": {"quota_bytes": size_bytes + 10}},
        headers=acme.owner.bearer,
    )
    assert set_to.status_code == 200, set_to.get_data()
    answer = npm.publish(a_publish("@acme/thing"))
    assert answer.status_code == 403
    said = answer.get_json()["error"]
    assert f"holds {size_bytes} of at most {size_bytes + 10} bytes. Delete what" in said
    with world.context():
        assert len(list(store.list("npm/"))) == 1
    revision = npm.packument("@acme/other")["_rev"]
    assert npm.request("DELETE", f"@acme%2fother/-rev/{revision}").status_code == 200
    assert npm.publish(a_publish("@acme/thing")).status_code == 201
