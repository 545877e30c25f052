"""containerd: it asks for tokens by form, and goes on where a download broke (rows 16 and 19)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.oci.daemons import ONLY_ROOT, serving
from tests.clients.oci.images import MIB, new_image, new_layer, new_multi_platform, write_layout
from tests.clients.oci.places import PUBLIC
from tests.clients.recorder import recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.clients.machine import Run
    from tests.clients.oci.desk import Desk
    from tests.clients.oci.images import Image, MultiPlatform
    from tests.clients.oci.wire import Wire
    from tests.clients.recorder import Recorder
    from tests.clients.registry import Account, Registry

pytestmark = [pytest.mark.client, ONLY_ROOT]

_CONFIG = """\
version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
address = "{socket}"
"""


class Containerd:
    """A running containerd, and the command that speaks to it."""

    def __init__(self, desk: Desk, address: Path) -> None:
        self.desk = desk
        self._address = address

    def run(self, *arguments: str | Path, fails: bool = False) -> Run:
        """Run one of ctr's commands."""
        return self.desk.run("ctr", "--address", self._address, *arguments, fails=fails)

    def pull(self, name: str, account: Account | None, *, fails: bool = False) -> Run:
        return self._images("pull", name, account, "--snapshotter=native", fails=fails)

    def push(self, name: str, account: Account, *, fails: bool = False) -> Run:
        return self._images("push", name, account, fails=fails)

    def load(self, image: Image | MultiPlatform, name: str, tag: str) -> None:
        """Bring an image in without a registry."""
        layout = write_layout(self.desk.home / f"layout-{tag}", {tag: image})
        self.desk.run("tar", "--create", "--file=image.tar", f"--directory={layout}", ".")
        options = ("--all-platforms", "--no-unpack", "--base-name", self.desk.image(name))
        self.run("images", "import", *options, self.desk.home / "image.tar")

    def _images(
        self, verb: str, name: str, account: Account | None, *options: str, fails: bool
    ) -> Run:
        user = [] if account is None else ["--user", f"{account.username}:{account.token}"]
        image = self.desk.image(name)
        return self.run("images", verb, "--plain-http", *user, *options, image, fails=fails)


@pytest.fixture
def recorder(images: Registry) -> Iterator[Recorder]:
    """A proxy in front of the registry."""
    with recording(images.origin) as recorder:
        yield recorder


@pytest.fixture
def containerd(new_desk: Callable[..., Desk], recorder: Recorder) -> Iterator[Containerd]:
    """A containerd that reaches the registry through the recorder."""
    with serving("containerd", _CONFIG) as address:
        yield Containerd(new_desk(recorder.origin), address)


def push_with_skopeo(desk: Desk, account: Account, image: Image | MultiPlatform, name: str) -> None:
    desk.sign_in_as(account, "skopeo")
    layout = write_layout(desk.home / "pushed", {"it": image})
    desk.copy(f"oci:{layout}:it", desk.remote(name), "--all")


def test_an_image_is_pulled_with_a_token_asked_for_by_form(
    containerd: Containerd, recorder: Recorder, images: Registry, name: str
) -> None:
    image = new_image()
    push_with_skopeo(containerd.desk, images.people.alice, image, f"{name}:1")
    recorder.take()
    containerd.pull(f"{name}:1", images.people.bob)
    assert image.manifest.digest in containerd.run("images", "ls").output
    asked = [one for one in recorder.take() if one.path.startswith("/v2/token")]
    assert asked
    assert {(one.method, one.status) for one in asked} == {("POST", 200)}


def test_what_is_public_is_pulled_by_nobody_in_particular(
    containerd: Containerd, images: Registry, name: str
) -> None:
    push_with_skopeo(containerd.desk, images.people.alice, new_image(), f"{PUBLIC}/{name}:1")
    containerd.pull(f"{PUBLIC}/{name}:1", None)


def test_what_is_private_is_not(containerd: Containerd, images: Registry, name: str) -> None:
    push_with_skopeo(containerd.desk, images.people.alice, new_image(), f"{name}:1")
    containerd.pull(f"{name}:1", None, fails=True)
    containerd.pull(f"{name}:1", images.people.oscar, fails=True)


def test_blobs_are_pushed_whole(
    containerd: Containerd, recorder: Recorder, images: Registry, wire: Wire, name: str
) -> None:
    both = new_multi_platform()
    containerd.load(both, name, "1")
    containerd.push(f"{name}:1", images.people.alice)
    exchanges = recorder.take()
    assert wire.digest(f"acme/{name}", "1") == both.manifest.digest
    sent = [one for one in exchanges if "/uploads/" in one.path]
    assert {(one.method, one.status) for one in sent} == {("POST", 202), ("PUT", 201)}


def test_layers_are_mounted_from_where_they_came(
    containerd: Containerd, recorder: Recorder, images: Registry, wire: Wire, name: str
) -> None:
    image = new_image(new_layer())
    push_with_skopeo(containerd.desk, images.people.alice, image, f"{name}:1")
    containerd.pull(f"{name}:1", images.people.alice)
    copy = containerd.desk.image(f"{name}/copy:1")
    containerd.run("images", "tag", containerd.desk.image(f"{name}:1"), copy)
    recorder.take()
    containerd.push(f"{name}/copy:1", images.people.alice)
    mounts = [one for one in recorder.take() if one.method == "POST" and "mount=" in one.path]
    assert {one.status for one in mounts} == {201}
    assert wire.digest(f"acme/{name}/copy", "1") == image.manifest.digest


def test_a_download_that_broke_off_goes_on_where_it_was(
    containerd: Containerd, recorder: Recorder, images: Registry, name: str
) -> None:
    image = new_image(new_layer(4 * MIB))
    push_with_skopeo(containerd.desk, images.people.alice, image, f"{name}:1")
    recorder.take()
    recorder.cut_once_after(MIB)
    containerd.pull(f"{name}:1", images.people.bob)
    layer = image.layers[0].digest
    blobs = [one for one in recorder.take() if one.path.endswith(layer) and one.method == "GET"]
    assert [one.status for one in blobs] == [200, 206]
    assert "complete (3/3)" in containerd.run("images", "check").output
