"""Who is let in, and what the others are told (acceptance rows 1, 2, 5 and 6)."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

import pytest

from tests.clients.oci.images import new_image, write_layout
from tests.clients.oci.places import PUBLIC
from tests.clients.oci.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.clients.oci.desk import Desk
    from tests.clients.registry import People, Registry

pytestmark = pytest.mark.client

ASKS_AT_SIGN_IN = ("docker", "podman", "buildah", "skopeo", "oras", "helm", "regctl")
OWN_WORDS = {
    "podman": "invalid username/password",
    "buildah": "invalid username/password",
    "skopeo": "invalid username/password",
    "regctl": "unauthorized",
}
"""What clients say to a wrong password that do not show what the registry says."""
READS = {
    "docker": ("manifest", "inspect", "--insecure", "{image}"),
    "podman": ("pull", "{image}"),
    "buildah": ("pull", "--tls-verify=false", "{image}"),
    "skopeo": ("inspect", "--tls-verify=false", "--raw", "docker://{image}"),
    "crane": ("manifest", "{image}"),
    "oras": ("manifest", "fetch", "--plain-http", "{image}"),
    "regctl": ("manifest", "get", "{image}"),
}
"""How each client reads one image."""
LETTERS_OF_ABSENCE = ("unknown", "not found", "no such")
TIME_OF_DAY = re.compile(r'time="[^"]+"')
"""What skopeo and podman write before what they say."""


@pytest.fixture(params=ASKS_AT_SIGN_IN)
def program(request: pytest.FixtureRequest) -> str:
    """Each client that asks the registry when somebody signs in."""
    found: str = request.param
    return found


@pytest.fixture(params=READS)
def reader(request: pytest.FixtureRequest) -> str:
    """Each client that reads manifests."""
    found: str = request.param
    return found


@pytest.fixture
def push(new_desk: Callable[..., Desk], people: People) -> Callable[[str], None]:
    """Pushes a small image as Alice."""

    def push(name: str) -> None:
        desk = new_desk()
        desk.sign_in_as(people.alice, "skopeo")
        layout = write_layout(desk.home / "layout", {"1": new_image()})
        # In Docker's own form, since `docker manifest` 20.10 reads no other.
        desk.copy(f"oci:{layout}:1", desk.remote(name), "--format", "v2s2")

    return push


def read(desk: Desk, reader: str, name: str, *, fails: bool = False) -> str:
    arguments = [word.format(image=desk.image(name)) for word in READS[reader]]
    return TIME_OF_DAY.sub("", desk.run(reader, *arguments, fails=fails).text).lower()


def test_a_person_signs_in_with_address_and_password(
    desk: Desk, program: str, people: People
) -> None:
    desk.sign_in(program, "alice@packhouse.test", people.alice.password)


def test_a_wrong_password_is_refused(desk: Desk, program: str) -> None:
    # A new name each time: an account that failed ten times has to wait.
    refused = desk.sign_in(program, f"person-{secrets.token_hex(4)}", "wrong", fails=True)
    assert OWN_WORDS.get(program, "Incorrect username or password.") in refused.text


def test_a_token_signs_in_until_it_is_revoked(desk: Desk, program: str, images: Registry) -> None:
    alice = images.people.alice
    wire = Wire(images.origin, alice)
    token = wire.api("POST", "/tokens", {"name": secrets.token_hex(4)})
    desk.sign_in(program, alice.username, token["token"])
    wire.api("DELETE", f"/tokens/{token['id']}")
    desk.sign_in(program, alice.username, token["token"], fails=True)


def test_nobody_in_particular_reads_what_is_public(
    desk: Desk, reader: str, push: Callable[[str], None], name: str
) -> None:
    push(f"{PUBLIC}/{name}:1")
    read(desk, reader, f"{PUBLIC}/{name}:1")


# `docker manifest` says "no such manifest", whatever the reason.
@pytest.mark.parametrize("reader", [reader for reader in READS if reader != "docker"])
def test_nobody_in_particular_is_told_to_sign_in_for_the_rest(
    desk: Desk, reader: str, push: Callable[[str], None], name: str
) -> None:
    push(f"{name}:1")
    for image in (f"{name}:1", f"{name}-that-never-was:1"):
        told = read(desk, reader, image, fails=True)
        assert "unauthorized" in told or "denied" in told or "authentication required" in told
        assert not any(letters in told for letters in LETTERS_OF_ABSENCE)


def test_an_outsider_cannot_tell_what_is_there(
    desk: Desk, reader: str, push: Callable[[str], None], people: People, name: str
) -> None:
    push(f"{name}:1")
    desk.sign_in_as(people.oscar, reader)
    there = read(desk, reader, f"{name}:1", fails=True)
    absent = read(desk, reader, f"{name}-2:1", fails=True)
    assert there.replace(name, "") == absent.replace(f"{name}-2", "")


def test_a_tag_that_is_not_there_is_unknown(
    desk: Desk, reader: str, push: Callable[[str], None], people: People, name: str
) -> None:
    push(f"{name}:1")
    desk.sign_in_as(people.bob, reader)
    assert any(
        words in read(desk, reader, f"{name}:none", fails=True)
        for words in ("manifest unknown", "manifest_unknown", "no such manifest", "not found")
    )
