"""regctl, which sends blobs in chunks with their ranges, and large ones only so."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from tests.clients.oci.images import new_image, new_multi_platform, write_layout
from tests.clients.recorder import recording

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.clients.oci.desk import Desk
    from tests.clients.oci.wire import Wire
    from tests.clients.registry import People, Registry

pytestmark = pytest.mark.client

ACME = "application/vnd.acme.v1"


@pytest.fixture
def regctl(desk: Desk, people: People) -> Desk:
    """A desk where Alice is signed in with regctl."""
    desk.sign_in_as(people.alice, "regctl")
    return desk


def test_a_blob_goes_up_in_chunks(
    new_desk: Callable[..., Desk], images: Registry, wire: Wire, name: str
) -> None:
    content = secrets.token_bytes(25_000)
    with recording(images.origin) as recorder:
        desk = new_desk(recorder.origin)
        desk.sign_in_as(images.people.alice, "regctl")
        limits = ("--blob-chunk", "10000", "--blob-max", "1000")
        desk.run("regctl", "registry", "set", "--skip-check", *limits, desk.host)
        (desk.home / "content").write_bytes(content)
        recorder.take()
        artifact = ("--artifact-type", ACME, "--file", "content")
        desk.run("regctl", "artifact", "put", *artifact, desk.image(f"{name}:1"))
        patches = [one.status for one in recorder.take() if one.method == "PATCH"]
    assert patches == [202, 202, 202]
    (layer,) = wire.manifest(f"acme/{name}", "1").json()["layers"]
    assert wire.blob(f"acme/{name}", layer["digest"]).body == content


def test_all_platforms_and_what_refers_to_them_are_copied(
    regctl: Desk, wire: Wire, name: str
) -> None:
    both = new_multi_platform()
    layout = write_layout(regctl.home / "layout", {"1": both})
    regctl.run("regctl", "image", "copy", f"ocidir://{layout}:1", regctl.image(f"{name}:1"))
    (regctl.home / "content").write_text("{}")
    artifact = ("--artifact-type", ACME, "--file", "content")
    subject = ("--subject", regctl.image(f"{name}:1"))
    regctl.run("regctl", "artifact", "put", *artifact, *subject)
    copy = regctl.image(f"{name}-copy:1")
    regctl.run("regctl", "image", "copy", "--referrers", regctl.image(f"{name}:1"), copy)
    assert wire.digest(f"acme/{name}-copy", "1") == both.manifest.digest
    assert len(wire.referrers(f"acme/{name}-copy", both.manifest.digest)) == 1
    assert wire.tags(f"acme/{name}-copy") == ["1"]


def test_a_tag_is_deleted_and_its_image_stays(regctl: Desk, wire: Wire, name: str) -> None:
    image = new_image()
    layout = write_layout(regctl.home / "layout", {"1": image})
    for tag in ("1", "2"):
        target = regctl.image(f"{name}:{tag}")
        regctl.run("regctl", "image", "copy", f"ocidir://{layout}:1", target)
    regctl.run("regctl", "tag", "delete", regctl.image(f"{name}:1"))
    assert regctl.run("regctl", "tag", "list", regctl.image(name)).output.split() == ["2"]
    assert wire.manifest(f"acme/{name}", image.manifest.digest).status == 200
