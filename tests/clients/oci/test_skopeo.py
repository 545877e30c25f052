"""skopeo: copying, listing, deleting, and a form that is refused (acceptance rows 10 and 11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.oci.images import new_image, new_multi_platform, write_layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.clients.machine import Run
    from tests.clients.oci.desk import Desk
    from tests.clients.oci.images import Image, MultiPlatform
    from tests.clients.oci.wire import Wire
    from tests.clients.registry import People

pytestmark = pytest.mark.client


@pytest.fixture
def copier(desk: Desk, people: People) -> Desk:
    """A desk where Alice is signed in with skopeo."""
    desk.sign_in_as(people.alice, "skopeo")
    return desk


def push(desk: Desk, image: Image | MultiPlatform, *names: str) -> None:
    layout = write_layout(desk.home / f"layout-{names[0].partition(':')[0]}", {"it": image})
    for name in names:
        desk.copy(f"oci:{layout}:it", desk.remote(name), "--all")


def skopeo(desk: Desk, command: str, image: str, *options: str, fails: bool = False) -> Run:
    return desk.run("skopeo", command, "--tls-verify=false", *options, image, fails=fails)


def test_an_image_comes_back_byte_for_byte(copier: Desk, wire: Wire, name: str) -> None:
    image = new_image()
    push(copier, image, f"{name}:1")
    assert skopeo(copier, "inspect", copier.remote(f"{name}:1")).json()["Digest"] == (
        image.manifest.digest
    )
    back = copier.home / "back"
    copier.copy(copier.remote(f"{name}:1"), f"dir:{back}")
    assert (back / "manifest.json").read_bytes() == image.manifest.content
    for part in (*image.layers, image.config):
        assert (back / part.digest.partition(":")[2]).read_bytes() == part.content
        assert wire.blob(f"acme/{name}", part.digest).body == part.content


def test_credentials_in_the_command_are_used(desk: Desk, people: People, name: str) -> None:
    layout = write_layout(desk.home / "layout", {"1": new_image()})
    credentials = f"anything:{people.alice.token}"
    desk.copy(f"oci:{layout}:1", desk.remote(f"{name}:1"), "--dest-creds", credentials)
    skopeo(desk, "inspect", desk.remote(f"{name}:1"), "--creds", credentials)


def test_all_tags_are_listed(copier: Desk, name: str) -> None:
    push(copier, new_image(), f"{name}:b", f"{name}:a", f"{name}:B", f"{name}:10", f"{name}:9")
    listed = skopeo(copier, "list-tags", copier.remote(name)).json()
    assert listed["Tags"] == ["10", "9", "B", "a", "b"]


def test_all_tags_are_synchronised(copier: Desk, name: str) -> None:
    push(copier, new_image(), f"{name}:1", f"{name}:2")
    folder = copier.machine.folder("mirror")
    source = ("--src", "docker", "--src-tls-verify=false", copier.image(name))
    copier.run("skopeo", "sync", *source, "--dest", "dir", folder)
    assert {path.name for path in folder.iterdir()} == {f"{name}:1", f"{name}:2"}


def test_deleting_takes_every_tag_of_the_image(copier: Desk, wire: Wire, name: str) -> None:
    push(copier, new_image(), f"{name}:1", f"{name}:same")
    other = new_image()
    layout = write_layout(copier.home / "other", {"1": other})
    copier.copy(f"oci:{layout}:1", copier.remote(f"{name}:other"))
    skopeo(copier, "delete", copier.remote(f"{name}:1"))
    refused = skopeo(copier, "inspect", copier.remote(f"{name}:same"), fails=True)
    assert "manifest unknown" in refused.text
    assert wire.tags(f"acme/{name}") == ["other"]


def test_who_may_only_read_cannot_delete(
    copier: Desk, new_desk: Callable[..., Desk], people: People, wire: Wire, name: str
) -> None:
    push(copier, new_image(), f"{name}:1")
    reader = new_desk()
    reader.sign_in_as(people.bob, "skopeo")
    skopeo(reader, "delete", reader.remote(f"{name}:1"), fails=True)
    assert wire.tags(f"acme/{name}") == ["1"]


def test_all_platforms_are_copied(copier: Desk, wire: Wire, name: str) -> None:
    both = new_multi_platform()
    push(copier, both, f"{name}:1")
    copier.copy(copier.remote(f"{name}:1"), copier.remote(f"{name}-copy:1"), "--all")
    for image in both.images:
        stored = wire.manifest(f"acme/{name}-copy", image.manifest.digest)
        assert stored.body == image.manifest.content
    assert wire.manifest(f"acme/{name}-copy", "1").body == both.manifest.content


def test_schema_1_is_refused_with_its_reason(copier: Desk, wire: Wire, name: str) -> None:
    layout = write_layout(copier.home / "layout", {"1": new_image()})
    refused = copier.copy(
        *(f"oci:{layout}:1", copier.remote(f"{name}:1"), "--format", "v2s1"), fails=True
    )
    assert "schema 1 manifests are not supported" in refused.text
    assert wire.manifest(f"acme/{name}", "1").status == 404
