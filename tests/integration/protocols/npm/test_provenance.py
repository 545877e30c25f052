"""Provenance is kept for who asks for it, and nobody is told that it proves anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.npm_wire import a_publish

if TYPE_CHECKING:
    from tests.acme import Acme
    from tests.integration.protocols.npm.conftest import Npm

BUNDLE = {"mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.3"}
PATH = "-/npm/v1/attestations/@acme%2fthing@1.0.0"


@pytest.fixture
def proven(npm: Npm) -> None:
    """A version that came with provenance that nobody has looked at."""
    document = a_publish("@acme/thing")
    data = json.dumps(BUNDLE)
    document.document["_attachments"]["@acme/thing-1.0.0.sigstore"] = {
        "content_type": BUNDLE["mediaType"],
        "data": data,
        "length": len(data),
    }
    assert npm.publish(document).status_code == 201


@pytest.mark.usefixtures("proven")
def test_the_provenance_of_a_version_is_served_as_it_was_sent(npm: Npm) -> None:
    (attestation,) = npm.get(PATH).get_json()["attestations"]
    assert attestation["bundle"] == BUNDLE
    npm.published(version="1.1.0")
    assert npm.get(PATH.replace("1.0.0", "1.1.0")).status_code == 404


@pytest.mark.usefixtures("proven")
def test_only_readers_get_provenance(npm_as: Any, acme: Acme) -> None:
    answers = {who: npm_as(who).get(PATH).status_code for who in (acme.reader, acme.outsider, None)}
    assert list(answers.values()) == [200, 404, 401]


@pytest.mark.usefixtures("proven")
def test_provenance_that_nobody_verified_is_not_advertised(npm: Npm) -> None:
    """``dist.attestations`` is evidence to clients: docs/protocols/npm.md says what they do."""
    abbreviated = npm.get("@acme/thing", Accept="application/vnd.npm.install-v1+json").get_json()
    manifests = [
        npm.packument()["versions"]["1.0.0"],
        abbreviated["versions"]["1.0.0"],
        npm.get("@acme/thing/1.0.0").get_json(),
    ]
    assert [sorted(one["dist"]) for one in manifests] == [
        ["fileCount", "integrity", "shasum", "signatures", "tarball", "unpackedSize"]
    ] * 3


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ("no JSON", 400),
        ("[]", 400),
        ('{"mediaType": "application/json"}', 400),
        (json.dumps({**BUNDLE, "note": "x" * 1024 * 1024}), 413),
    ],
    ids=["no JSON", "no object", "no bundle", "too large"],
)
def test_what_is_no_bundle_is_refused_with_its_version(data: str, status: int, npm: Npm) -> None:
    document = a_publish("@acme/thing")
    document.document["_attachments"]["@acme/thing-1.0.0.sigstore"] = {"data": data}
    answer = npm.publish(document)
    assert answer.status_code == status
    assert "provenance bundle" in answer.get_json()["error"]
    assert npm.get("@acme/thing").status_code == 404
