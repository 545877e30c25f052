"""oras: artifacts, and what is attached to them (acceptance row 13)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.clients.oci.wire import INDEX

if TYPE_CHECKING:
    from tests.clients.machine import Run
    from tests.clients.oci.desk import Desk
    from tests.clients.oci.wire import Wire
    from tests.clients.registry import People

pytestmark = pytest.mark.client

ACME = "application/vnd.acme.v1"
SPDX = "application/spdx+json"
CYCLONE = "application/vnd.cyclonedx+json"


@pytest.fixture
def packer(desk: Desk, people: People) -> Desk:
    """A desk where Alice is signed in with oras, with a file to push."""
    desk.sign_in_as(people.alice, "oras")
    (desk.home / "f.txt").write_text("hello")
    return desk


def oras(desk: Desk, *command: str, fails: bool = False) -> Run:
    """Run a command of one word or two, and its arguments."""
    return desk.run("oras", *command, "--plain-http", fails=fails)


def push(desk: Desk, name: str) -> str:
    """Push an artifact of one file; returns its digest."""
    oras(desk, "push", "--artifact-type", ACME, desk.image(name), "f.txt:text/plain")
    return oras(desk, "resolve", desk.image(name)).output.strip()


def attach(desk: Desk, name: str, artifact_type: str) -> None:
    (desk.home / "s.json").write_text("{}")
    oras(desk, "attach", "--artifact-type", artifact_type, desk.image(name), "s.json")


def test_a_file_goes_up_and_comes_back(packer: Desk, wire: Wire, name: str) -> None:
    digest = push(packer, f"{name}:1")
    assert wire.manifest(f"acme/{name}", "1").json()["artifactType"] == ACME
    oras(packer, "pull", "--output", "back", packer.image(f"{name}@{digest}"))
    assert (packer.home / "back/f.txt").read_text() == "hello"


def test_what_is_attached_is_discovered_without_a_tag_for_it(
    packer: Desk, wire: Wire, name: str
) -> None:
    digest = push(packer, f"{name}:1")
    attach(packer, f"{name}:1", SPDX)
    found = oras(packer, "discover", "--format", "json", packer.image(f"{name}:1")).json()
    assert [one["artifactType"] for one in found["referrers"]] == [SPDX]
    assert [one["artifactType"] for one in wire.referrers(f"acme/{name}", digest)] == [SPDX]
    assert oras(packer, "repo", "tags", packer.image(name)).output.split() == ["1"]


def test_what_is_attached_is_found_by_its_type(packer: Desk, wire: Wire, name: str) -> None:
    digest = push(packer, f"{name}:1")
    attach(packer, f"{name}:1", SPDX)
    attach(packer, f"{name}:1", CYCLONE)
    shown = oras(
        packer,
        *("discover", "--format", "json", "--artifact-type", CYCLONE),
        packer.image(f"{name}:1"),
    )
    assert [one["artifactType"] for one in shown.json()["referrers"]] == [CYCLONE]
    assert len(wire.referrers(f"acme/{name}", digest)) == 2
    assert len(wire.referrers(f"acme/{name}", digest, SPDX)) == 1


def test_what_was_attached_and_deleted_is_gone(packer: Desk, wire: Wire, name: str) -> None:
    digest = push(packer, f"{name}:1")
    attach(packer, f"{name}:1", SPDX)
    (attached,) = wire.referrers(f"acme/{name}", digest)
    reference = packer.image(f"{name}@{attached['digest']}")
    oras(packer, "manifest", "delete", "--force", reference)
    assert wire.referrers(f"acme/{name}", digest) == []
    assert oras(packer, "resolve", packer.image(f"{name}:1")).output.strip() == digest


def test_a_copy_takes_what_is_attached_along(packer: Desk, wire: Wire, name: str) -> None:
    digest = push(packer, f"{name}:1")
    attach(packer, f"{name}:1", SPDX)
    packer.run(
        *("oras", "copy", "--recursive", "--from-plain-http", "--to-plain-http"),
        *(packer.image(f"{name}:1"), packer.image(f"{name}-copy:1")),
    )
    assert wire.digest(f"acme/{name}-copy", "1") == digest
    assert len(wire.referrers(f"acme/{name}-copy", digest)) == 1


def test_blobs_are_pushed_fetched_and_deleted_alone(packer: Desk, name: str) -> None:
    digest = f"sha256:{hashlib.sha256(b'hello').hexdigest()}"
    oras(packer, "blob", "push", packer.image(name), "f.txt")
    blob = packer.image(f"{name}@{digest}")
    assert oras(packer, "blob", "fetch", "--output", "-", blob).output == "hello"
    oras(packer, "blob", "delete", "--force", blob)
    assert "not found" in oras(packer, "blob", "fetch", "--output", "-", blob, fails=True).text


def test_a_blob_that_is_in_use_stays(packer: Desk, name: str) -> None:
    push(packer, f"{name}:1")
    blob = packer.image(f"{name}@sha256:{hashlib.sha256(b'hello').hexdigest()}")
    oras(packer, "blob", "delete", "--force", blob, fails=True)
    assert oras(packer, "blob", "fetch", "--output", "-", blob).output == "hello"


def test_an_index_is_made_of_what_is_there(packer: Desk, wire: Wire, name: str) -> None:
    children = []
    for tag in ("1", "2"):
        (packer.home / "f.txt").write_text(tag)
        children.append(push(packer, f"{name}:{tag}"))
    oras(packer, "manifest", "index", "create", packer.image(f"{name}:both"), "1", "2")
    stored = wire.manifest(f"acme/{name}", "both")
    assert stored.headers["content-type"] == INDEX
    assert [child["digest"] for child in stored.json()["manifests"]] == children


def test_names_are_listed_below_an_organization(packer: Desk, name: str) -> None:
    push(packer, f"{name}:1")
    listed = oras(packer, "repo", "ls", f"{packer.host}/acme").output.split()
    assert name in listed
