"""podman and buildah: what one builds goes up and comes back (acceptance rows 3, 4, 7 and 9)."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

import pytest

from tests.clients.oci.wire import DOCKER_MANIFEST, INDEX
from tests.clients.recorder import recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.clients.oci.desk import Desk
    from tests.clients.oci.wire import Wire
    from tests.clients.recorder import Exchange
    from tests.clients.registry import People, Registry

pytestmark = pytest.mark.client

CONTAINERFILE = """\
FROM scratch
COPY first /first
COPY second /second
"""


@pytest.fixture
def builder(desk: Desk, people: People) -> Desk:
    """A desk where Alice uses podman and buildah, which share what they remember."""
    desk.sign_in_as(people.alice, "podman")
    return desk


def sources(desk: Desk) -> Path:
    """Make something to build of two layers."""
    folder = desk.machine.folder(f"sources-{secrets.token_hex(4)}")
    for file in ("first", "second"):
        (folder / file).write_bytes(secrets.token_bytes(10_000))
    (folder / "Containerfile").write_text(CONTAINERFILE)
    return folder


def build(desk: Desk, image: str, *options: str) -> None:
    desk.run("buildah", "bud", "--layers", *options, "--tag", image, sources(desk))


def push(desk: Desk, image: str, *options: str) -> str:
    """Push with podman; returns the digest that it says."""
    file = desk.home / "pushed"
    desk.run("podman", "push", "--digestfile", file, *options, image)
    return file.read_text()


def uploads(exchanges: list[Exchange]) -> list[str]:
    return [str(one) for one in exchanges if one.method == "PATCH"]


def test_what_was_pushed_is_what_is_pulled(
    builder: Desk, new_desk: Callable[..., Desk], people: People, wire: Wire, name: str
) -> None:
    image = builder.image(f"{name}:1")
    build(builder, image)
    digest = push(builder, image)
    assert wire.digest(f"acme/{name}", "1") == digest
    reader = new_desk()
    reader.sign_in_as(people.bob, "podman")
    reader.run("podman", "pull", image)
    pulled = reader.run("podman", "inspect", "--format", "{{.Digest}}", image)
    assert pulled.output.strip() == digest
    assert len(wire.manifest(f"acme/{name}", "1").json()["layers"]) == 2


def test_a_second_push_of_the_same_sends_no_layer(
    new_desk: Callable[..., Desk], images: Registry, name: str
) -> None:
    with recording(images.origin) as recorder:
        desk = new_desk(recorder.origin)
        desk.sign_in_as(images.people.alice, "podman")
        build(desk, desk.image(f"{name}:1"))
        first = push(desk, desk.image(f"{name}:1"))
        assert len(uploads(recorder.take())) == 3
        assert push(desk, desk.image(f"{name}:1")) == first
        assert uploads(recorder.take()) == []


def test_layers_are_mounted_from_where_they_are(
    new_desk: Callable[..., Desk], images: Registry, name: str, wire: Wire
) -> None:
    with recording(images.origin) as recorder:
        desk = new_desk(recorder.origin)
        desk.sign_in_as(images.people.alice, "podman")
        build(desk, desk.image(f"{name}:1"))
        push(desk, desk.image(f"{name}:1"))
        recorder.take()
        desk.run("podman", "tag", desk.image(f"{name}:1"), desk.image(f"{name}/deep/path:1"))
        push(desk, desk.image(f"{name}/deep/path:1"))
        exchanges = recorder.take()
    mounts = [one for one in exchanges if one.method == "POST" and "mount=" in one.path]
    assert [one.status for one in mounts] == [201, 201]
    assert len(uploads(exchanges)) == 1  # the configuration, which podman does not mount
    assert wire.digest(f"acme/{name}", "1") == wire.digest(f"acme/{name}/deep/path", "1")


def test_tags_are_listed_and_images_found(builder: Desk, name: str) -> None:
    build(builder, builder.image(f"{name}:1.0"))
    for tag in ("1.0", "latest"):
        builder.run("podman", "tag", builder.image(f"{name}:1.0"), builder.image(f"{name}:{tag}"))
        push(builder, builder.image(f"{name}:{tag}"))
    listed = builder.run(
        *("podman", "search", "--list-tags", "--format", "json", builder.image(name))
    ).json()
    assert [entry["Tags"] for entry in listed] == [["1.0", "latest"]]
    found = builder.run("podman", "search", "--format", "{{.Name}}", f"{builder.host}/{name}")
    assert found.output.split() == [builder.image(name)]


def test_the_form_of_docker_is_kept_too(builder: Desk, wire: Wire, name: str) -> None:
    build(builder, builder.image(f"{name}:1"), "--format", "docker")
    push(builder, builder.image(f"{name}:1"), "--format", "v2s2")
    stored = wire.manifest(f"acme/{name}", "1")
    assert stored.headers["content-type"] == DOCKER_MANIFEST
    builder.run("podman", "rmi", "--all", "--force")
    builder.run("podman", "pull", builder.image(f"{name}:1"))


def test_one_name_holds_an_image_for_each_platform(builder: Desk, wire: Wire, name: str) -> None:
    image = builder.image(f"{name}:1")
    builder.run("buildah", "manifest", "create", name)
    for platform in ("linux/amd64", "linux/arm64"):
        builder.run("buildah", "bud", "--platform", platform, "--manifest", name, sources(builder))
    target = f"docker://{image}"
    builder.run("buildah", "manifest", "push", "--tls-verify=false", "--all", name, target)
    stored = wire.manifest(f"acme/{name}", "1")
    assert stored.headers["content-type"] == INDEX
    children = stored.json()["manifests"]
    assert {child["platform"]["architecture"] for child in children} == {"amd64", "arm64"}
    for child in children:
        assert wire.manifest(f"acme/{name}", child["digest"]).status == 200
    builder.run("podman", "pull", "--arch", "arm64", image)
    shown = builder.run("podman", "inspect", "--format", "{{json .Architecture}}", image)
    assert json.loads(shown.output) == "arm64"


def test_what_buildah_commits_straight_to_the_registry_is_there(
    builder: Desk, wire: Wire, name: str
) -> None:
    container = builder.run("buildah", "from", "scratch").output.strip()
    builder.run("buildah", "add", container, sources(builder), "/")
    target = builder.remote(f"{name}:1")
    builder.run("buildah", "commit", "--tls-verify=false", container, target)
    assert wire.tags(f"acme/{name}") == ["1"]
