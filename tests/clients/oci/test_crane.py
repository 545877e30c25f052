"""crane, and with it all that is built on its library (acceptance row 12)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.clients.oci.images import new_image, new_multi_platform, write_layout
from tests.clients.oci.places import PUBLIC
from tests.clients.recorder import recording

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.clients.oci.desk import Desk
    from tests.clients.oci.wire import Wire
    from tests.clients.registry import People, Registry

pytestmark = pytest.mark.client


@pytest.fixture
def crane(desk: Desk, people: People) -> Desk:
    """A desk where Alice is signed in with crane."""
    desk.sign_in_as(people.alice, "crane")
    return desk


def push(desk: Desk, name: str) -> str:
    """Push a new image; returns its digest."""
    image = new_image()
    layout = write_layout(desk.home / f"layout-{name.partition(':')[0]}", {"it": image})
    desk.run("crane", "push", layout, desk.image(name))
    return image.manifest.digest


def test_an_image_goes_up_and_comes_back(crane: Desk, name: str) -> None:
    digest = push(crane, f"{name}:1")
    assert crane.run("crane", "digest", crane.image(f"{name}:1")).output.strip() == digest
    crane.run("crane", "pull", "--format", "oci", crane.image(f"{name}:1"), "back")
    index = json.loads((crane.home / "back/index.json").read_text())
    assert [entry["digest"] for entry in index["manifests"]] == [digest]
    crane.run("crane", "validate", "--remote", crane.image(f"{name}:1"))


def test_an_image_for_several_platforms_goes_up_whole(crane: Desk, wire: Wire, name: str) -> None:
    both = new_multi_platform()
    layout = write_layout(crane.home / "both", {"1": both})
    crane.run("crane", "push", "--index", layout, crane.image(f"{name}:1"))
    # crane pushes the layout's own index, with ours in it.
    outer = wire.manifest(f"acme/{name}", "1").json()["manifests"]
    assert [entry["digest"] for entry in outer] == [both.manifest.digest]
    crane.run("crane", "validate", "--remote", crane.image(f"{name}@{both.manifest.digest}"))
    arm = crane.run(
        "crane",
        "digest",
        "--platform",
        "linux/arm64",
        crane.image(f"{name}@{both.manifest.digest}"),
    )
    assert arm.output.strip() == both.images[1].manifest.digest


def test_layers_and_labels_are_added(crane: Desk, wire: Wire, name: str) -> None:
    push(crane, f"{name}:1")
    (crane.home / "file").write_text("more")
    crane.run("tar", "--create", "--file", "more.tar", "file")
    image = crane.image(name)
    crane.run(
        *("crane", "append", "--base", f"{image}:1", "--new_layer", "more.tar"),
        *("--new_tag", f"{image}:2"),
    )
    crane.run("crane", "mutate", "--label", "colour=green", "--tag", f"{image}:3", f"{image}:2")
    crane.run("crane", "validate", "--remote", f"{image}:3")
    layers = [len(wire.manifest(f"acme/{name}", tag).json()["layers"]) for tag in "123"]
    assert layers == [1, 2, 2]
    config = crane.run("crane", "config", f"{image}:3").json()
    assert config["config"]["Labels"] == {"colour": "green"}


def test_a_copy_mounts_layers(
    new_desk: Callable[..., Desk], images: Registry, wire: Wire, name: str
) -> None:
    with recording(images.origin) as recorder:
        desk = new_desk(recorder.origin)
        desk.sign_in_as(images.people.alice, "crane")
        digest = push(desk, f"{name}:1")
        recorder.take()
        desk.run("crane", "copy", desk.image(f"{name}:1"), desk.image(f"{name}/copy:1"))
        exchanges = recorder.take()
    uploads = [one for one in exchanges if one.method in {"PATCH", "POST"}]
    assert {(one.method, one.status) for one in uploads} == {("POST", 201)}
    assert wire.digest(f"acme/{name}/copy", "1") == digest


def test_tags_are_made_listed_and_deleted(crane: Desk, wire: Wire, name: str) -> None:
    digest = push(crane, f"{name}:1")
    crane.run("crane", "tag", crane.image(f"{name}:1"), "stable")
    assert crane.run("crane", "ls", crane.image(name)).output.split() == ["1", "stable"]
    crane.run("crane", "delete", crane.image(f"{name}:stable"))
    assert crane.run("crane", "ls", crane.image(name)).output.split() == ["1"]
    crane.run("crane", "delete", crane.image(f"{name}:1"))
    assert crane.run("crane", "digest", crane.image(f"{name}@{digest}")).output.strip() == digest
    crane.run("crane", "delete", crane.image(f"{name}@{digest}"))
    assert wire.manifest(f"acme/{name}", digest).status == 404


def test_the_catalogue_has_what_one_may_read(
    crane: Desk, new_desk: Callable[..., Desk], people: People, name: str
) -> None:
    push(crane, f"{name}:1")
    push(crane, f"{PUBLIC}/{name}:1")
    shown = crane.run("crane", "catalog", crane.host).output.split()
    assert {f"acme/{name}", f"acme/{PUBLIC}/{name}"} <= set(shown)
    outside = new_desk()
    outside.sign_in_as(people.oscar, "crane")
    shown = outside.run("crane", "catalog", outside.host).output.split()
    assert f"acme/{name}" not in shown
    assert f"acme/{PUBLIC}/{name}" in shown
