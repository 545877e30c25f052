"""cosign: signatures and attestations, as tags and as referrers (acceptance row 15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.oci.images import new_image, write_layout

if TYPE_CHECKING:
    from tests.clients.oci.desk import Desk
    from tests.clients.oci.wire import Wire
    from tests.clients.registry import People

pytestmark = pytest.mark.client

PLAIN = "--allow-insecure-registry"
OFFLINE = ("--use-signing-config=false", "--tlog-upload=false", "--yes")
CLASSIC = ("--new-bundle-format=false",)
"""Before version 3, what cosign made was found by tags."""
UNLOGGED = ("--insecure-ignore-tlog", PLAIN)


class Signed:
    """An image that Alice may sign at her desk.

    Attributes:
        name: of the image, with the organization's.
        digest: of the image.
    """

    def __init__(self, desk: Desk, people: People, name: str) -> None:
        self.desk = desk
        self.name = f"acme/{name}"
        image = new_image()
        self.digest = image.manifest.digest
        desk.sign_in_as(people.alice, "crane", "cosign")
        layout = write_layout(desk.home / "layout", {"1": image})
        desk.run("crane", "push", layout, desk.image(f"{name}:1"))
        self.reference = f"{desk.host}/{self.name}@{self.digest}"
        desk.machine.environment["COSIGN_PASSWORD"] = "of keys that sign nothing else"  # noqa: S105
        desk.run("cosign", "generate-key-pair")
        (desk.home / "predicate.json").write_text('{"passed": true}')

    def sign(self, *mode: str) -> None:
        self.desk.run("cosign", "sign", "--key=cosign.key", PLAIN, *OFFLINE, *mode, self.reference)

    def attest(self, *mode: str) -> None:
        what = ("--type=custom", "--predicate=predicate.json")
        self.desk.run(
            *("cosign", "attest", "--key=cosign.key", *what, PLAIN, *OFFLINE, *mode),
            self.reference,
        )

    def verify(self, *mode: str, key: str = "cosign.pub", fails: bool = False) -> None:
        self.desk.run(
            "cosign", "verify", f"--key={key}", *UNLOGGED, *mode, self.reference, fails=fails
        )

    def verify_attestation(self, *mode: str, fails: bool = False) -> None:
        self.desk.run(
            *("cosign", "verify-attestation", "--key=cosign.pub", "--type=custom"),
            *(*UNLOGGED, *mode, self.reference),
            fails=fails,
        )

    def tree(self) -> str:
        return self.desk.run("cosign", "tree", PLAIN, self.reference).text


@pytest.fixture
def signed(desk: Desk, people: People, name: str) -> Signed:
    """An image to sign."""
    return Signed(desk, people, name)


def test_bundles_are_referrers_and_need_no_tag(signed: Signed, wire: Wire) -> None:
    signed.verify(fails=True)
    signed.sign()
    signed.verify()
    signed.verify_attestation(fails=True)
    signed.attest()
    signed.verify_attestation()
    assert len(wire.referrers(signed.name, signed.digest)) == 2
    assert wire.tags(signed.name) == ["1"]
    assert "artifacts via OCI referrer" in signed.tree()


def test_what_somebody_else_signed_is_not_taken_for_ours(signed: Signed) -> None:
    signed.sign()
    signed.desk.run("cosign", "generate-key-pair", "--output-key-prefix=other")
    signed.verify(key="other.pub", fails=True)


def test_classic_signatures_are_tags(signed: Signed, wire: Wire) -> None:
    signed.verify(*CLASSIC, fails=True)
    signed.sign(*CLASSIC)
    signed.verify(*CLASSIC)
    signed.attest(*CLASSIC)
    signed.verify_attestation(*CLASSIC)
    tag = signed.digest.replace(":", "-")
    assert wire.tags(signed.name) == ["1", f"{tag}.att", f"{tag}.sig"]
    assert "Signatures for an image tag" in signed.tree()


def test_a_second_signature_moves_the_classic_tag(signed: Signed, wire: Wire) -> None:
    tag = f"{signed.digest.replace(':', '-')}.sig"
    signed.sign(*CLASSIC)
    first = wire.digest(signed.name, tag)
    signed.sign(*CLASSIC, "--annotations=round=2")
    assert wire.digest(signed.name, tag) != first
    signed.verify(*CLASSIC, "--annotations=round=2")


def test_classic_signatures_are_cleaned_away(signed: Signed, wire: Wire) -> None:
    signed.sign(*CLASSIC)
    signed.attest(*CLASSIC)
    signed.desk.run("cosign", "clean", "--force", PLAIN, signed.reference)
    assert wire.tags(signed.name) == ["1"]
    signed.verify(*CLASSIC, fails=True)
