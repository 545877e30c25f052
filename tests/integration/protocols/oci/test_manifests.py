"""Pushing, reading, listing and removing manifests, and what refers to them."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from app.models import AuditRecord, PendingEvent
from app.protocols.oci.manifest_parsing import DOCKER_IMAGE, DOCKER_LIST, OCI_IMAGE, OCI_INDEX
from tests.integration.protocols.oci.conftest import (
    CONFIG_TYPE,
    LAYER_TYPE,
    Image,
    an_image,
    an_index,
    code_of,
    descriptor,
    sha256,
    sha512,
)

if TYPE_CHECKING:
    from tests.acme import Acme
    from tests.integration.protocols.oci.conftest import Oci
    from tests.world import World

EMPTY = b"{}"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
SBOM = "application/spdx+json"
SIGNATURE = "application/vnd.example.signature"


def the_manifest_is_there(oci: Oci, image: Image, reference: str, digest: str = "") -> None:
    digest = digest or image.digest
    answer = oci.get(f"manifests/{reference}")
    assert (answer.status_code, answer.get_data()) == (200, image.manifest)
    assert answer.headers["Content-Type"] == image.media_type
    assert answer.headers["Docker-Content-Digest"] == digest
    assert answer.headers["ETag"] == f'"{digest}"'
    head = oci.head(f"manifests/{reference}")
    assert (head.status_code, head.get_data()) == (200, b"")
    assert head.headers["Content-Length"] == str(len(image.manifest))
    assert head.headers["Docker-Content-Digest"] == digest


def an_artifact(artifact_type: str, subject: Image | None = None, **more: Any) -> Image:
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE,
        "artifactType": artifact_type,
        "config": descriptor(EMPTY, EMPTY_TYPE),
        "layers": [descriptor(EMPTY, EMPTY_TYPE)],
        **({"subject": subject.descriptor} if subject else {}),
        **more,
    }
    return Image(json.dumps(manifest).encode(), (EMPTY,))


# The kinds that the conformance suite pushes.


def a_large_one() -> Image:
    return an_image(annotations={"filler": "x" * (3_920_000 - 600)})


def one_of_a_nested_index() -> Image:
    return an_index(an_index(an_image()))


def with_data() -> Image:
    content = b"small enough to be inside"
    encoded = base64.b64encode(content).decode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE,
        "config": descriptor(content, CONFIG_TYPE, data=encoded),
        "layers": [descriptor(content, data=encoded)],
    }
    return Image(json.dumps(manifest).encode(), (content,))


def with_nondistributable_layers() -> Image:
    there = b"there"
    elsewhere = descriptor(b"elsewhere", "application/vnd.oci.image.layer.nondistributable.v1.tar")
    with_urls = descriptor(b"by url", urls=["https://example.test/layer"])
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE,
        "config": descriptor(there, CONFIG_TYPE),
        "layers": [elsewhere, with_urls, descriptor(there)],
    }
    return Image(json.dumps(manifest).encode(), (there,))


def with_unknown_members() -> Image:
    return an_image(**{"org.example.more": {"deep": [1, 2, {"er": None}]}})


def without_layers() -> Image:
    config = b"{}"
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE,
        "config": descriptor(config, CONFIG_TYPE),
        "layers": [],
    }
    return Image(json.dumps(manifest).encode(), (config,))


KINDS = {
    "image": an_image,
    "large": a_large_one,
    "empty-index": an_index,
    "artifact": lambda: an_artifact(SBOM),
    "artifact-without-layers": lambda: an_artifact(SBOM, layers=[]),
    "data": with_data,
    "nondistributable": with_nondistributable_layers,
    "unknown-members": with_unknown_members,
    "no-layers": without_layers,
    "missing-subject": lambda: an_artifact(SBOM, an_image()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_pushed_by_digest_and_tag_listed_read_and_deleted(
    oci: Oci, kind: str
) -> None:
    image = KINDS[kind]()
    oci.push(image)
    oci.push(image, "tagged")
    the_manifest_is_there(oci, image, image.digest)
    the_manifest_is_there(oci, image, "tagged")
    assert oci.tags() == ["tagged"]
    assert oci.delete("manifests/tagged").status_code == 202
    assert code_of(oci.get("manifests/tagged")) == (404, "MANIFEST_UNKNOWN")
    the_manifest_is_there(oci, image, image.digest)
    assert oci.delete(f"manifests/{image.digest}").status_code == 202
    assert code_of(oci.get(f"manifests/{image.digest}")) == (404, "MANIFEST_UNKNOWN")
    for content in set(image.blobs):
        assert oci.delete(f"blobs/{sha256(content)}").status_code == 202
        assert oci.head(f"blobs/{sha256(content)}").status_code == 404


def test_an_index_needs_its_children_and_nests(oci: Oci) -> None:
    child = an_image()
    index = an_index(child)
    nested = an_index(index)
    assert code_of(oci.put_manifest(index, "1")) == (400, "MANIFEST_BLOB_UNKNOWN")
    oci.push(child)
    oci.push(index, "1")
    oci.push(nested, "nested")
    the_manifest_is_there(oci, nested, "nested")


def test_docker_manifests_are_kept_as_they_are(oci: Oci) -> None:
    config, layer = b"{}", b"layer"
    manifest = {
        "schemaVersion": 2,
        "mediaType": DOCKER_IMAGE,
        "config": descriptor(config, "application/vnd.docker.container.image.v1+json"),
        "layers": [descriptor(layer, "application/vnd.docker.image.rootfs.diff.tar.gzip")],
    }
    image = Image(json.dumps(manifest, indent=3).encode(), (config, layer), DOCKER_IMAGE)
    oci.push(image, "docker")
    the_manifest_is_there(oci, image, "docker")
    listed = {"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [image.descriptor]}
    index = Image(json.dumps(listed).encode(), (), DOCKER_LIST)
    oci.push(index, "list")
    the_manifest_is_there(oci, index, "list")


@pytest.mark.parametrize("accept", [OCI_INDEX, "application/json", "text/html", ""])
def test_what_is_stored_is_given_whatever_is_accepted(oci: Oci, accept: str) -> None:
    image = an_image()
    oci.push(image, "1")
    assert oci.get("manifests/1", Accept=accept).get_data() == image.manifest


def test_an_image_that_is_all_sha512(oci: Oci) -> None:
    config, layer = b"{}", secrets.token_bytes(64)
    for content in (config, layer):
        oci.blob(content, sha512(content))
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE,
        "config": {"mediaType": CONFIG_TYPE, "digest": sha512(config), "size": 2},
        "layers": [{"mediaType": LAYER_TYPE, "digest": sha512(layer), "size": 64}],
    }
    image = Image(json.dumps(manifest).encode())
    digest = sha512(image.manifest)
    answer = oci.put_manifest(image, digest, tag=["one", "two"])
    assert answer.status_code == 201
    assert answer.headers["Docker-Content-Digest"] == digest
    assert answer.headers["Location"] == f"/v2/acme/app/manifests/{digest}"
    assert answer.headers.getlist("OCI-Tag") == ["one", "two"]
    for reference in (digest, "one", "two"):
        the_manifest_is_there(oci, image, reference, digest)
    the_manifest_is_there(oci, image, image.digest)
    assert oci.delete(f"manifests/{digest}").status_code == 202
    assert oci.tags() == []
    for content in (config, layer):
        assert oci.delete(f"blobs/{sha512(content)}").status_code == 202
        assert oci.head(f"blobs/{sha512(content)}").status_code == 404


def test_many_tags_at_once(oci: Oci) -> None:
    image = an_image()
    for content in image.blobs:
        oci.blob(content)
    tags = [f"t{number:02}" for number in range(10)]
    answer = oci.put_manifest(image, image.digest, tag=tags)
    assert answer.headers.getlist("OCI-Tag") == tags
    assert oci.tags() == tags
    too_many = oci.put_manifest(image, image.digest, tag=[f"t{one}" for one in range(101)])
    assert too_many.status_code == 414


def test_deleting_a_manifest_takes_its_tags_along_and_no_others(oci: Oci) -> None:
    first, second = an_image(), an_image()
    for tag in ("a", "b"):
        oci.push(first, tag)
    oci.push(second, "c")
    oci.delete(f"manifests/{first.digest}")
    assert oci.tags() == ["c"]
    assert code_of(oci.get("manifests/a")) == (404, "MANIFEST_UNKNOWN")
    assert code_of(oci.delete(f"manifests/{first.digest}")) == (404, "MANIFEST_UNKNOWN")
    assert code_of(oci.delete("manifests/a")) == (404, "MANIFEST_UNKNOWN")


def test_a_tag_moves_and_every_move_is_audited(oci: Oci) -> None:
    first, second = an_image(), an_image()
    oci.push(first, "latest")
    assert oci.get("manifests/latest").get_data() == first.manifest
    oci.push(second, "latest")
    the_manifest_is_there(oci, second, "latest")
    the_manifest_is_there(oci, first, first.digest)
    events = [json.loads(one.body) for one in PendingEvent.objects] or list(AuditRecord.objects)
    moves = [one["details"] for one in events if one["action"] == "tag.set"]
    assert [(one["before"], one["version"]) for one in moves] == [
        (None, first.digest),
        (first.digest, second.digest),
    ]


def test_tags_are_listed_in_the_order_of_their_bytes_page_by_page(oci: Oci) -> None:
    image = an_image()
    tags = ["a", "B", "_x", "1.0", "1.0-rc", "Z", "b.c", "10"]
    for tag in tags:
        oci.push(image, tag)
    assert oci.tags() == sorted(tags, key=str.encode)
    seen: list[str] = []
    path = "/v2/acme/app/tags/list?n=3"
    while path:
        answer = oci.request("GET", path)
        page = answer.get_json()["tags"]
        assert len(page) <= 3
        seen += page
        link = answer.headers.get("Link", "")
        path = link[1 : link.index(">")] if link else ""
    assert seen == oci.tags()
    assert oci.tags("?last=B") == [one for one in oci.tags() if one.encode() > b"B"]
    assert oci.tags("?last=not-there") == []
    assert oci.tags("?last=Y&n=1") == ["Z"]
    assert oci.tags("?n=0") == []
    assert "Link" not in oci.get("tags/list?n=0").headers
    assert oci.tags("?n=99999999999") == oci.tags()


def test_a_package_without_tags_has_an_empty_list(oci: Oci) -> None:
    oci.push(an_image())
    assert oci.get("tags/list").get_json() == {"name": "acme/app", "tags": []}


def test_referrers_are_listed_filtered_and_vanish_with_themselves(oci: Oci) -> None:
    image = an_image()
    oci.push(image, "1")
    assert oci.referrers(image.digest) == []
    sbom = an_artifact(SBOM, image, annotations={"org.example.k": "v"})
    signature = an_artifact(SIGNATURE, image)
    by_config = an_image(b"x", subject=image.descriptor)
    for one in (sbom, signature, by_config):
        for content in one.blobs:
            oci.blob(content)
        answer = oci.put_manifest(one)
        assert answer.headers["OCI-Subject"] == image.digest
    listed = oci.referrers(image.digest)
    assert [one["digest"] for one in listed] == [sbom.digest, signature.digest, by_config.digest]
    assert listed[0] == {
        **sbom.descriptor,
        "artifactType": SBOM,
        "annotations": {"org.example.k": "v"},
    }
    assert listed[2]["artifactType"] == CONFIG_TYPE
    filtered = oci.get(f"referrers/{image.digest}?artifactType={SBOM.replace('+', '%2B')}")
    assert [one["digest"] for one in filtered.get_json()["manifests"]] == [sbom.digest]
    assert filtered.headers["OCI-Filters-Applied"] == "artifactType"
    assert "OCI-Filters-Applied" not in oci.get(f"referrers/{image.digest}").headers
    oci.delete(f"manifests/{sbom.digest}")
    assert [one["digest"] for one in oci.referrers(image.digest)] == [
        signature.digest,
        by_config.digest,
    ]
    oci.delete(f"manifests/{image.digest}")
    assert len(oci.referrers(image.digest)) == 2


def test_an_index_with_a_subject_refers_too_without_a_type_of_its_own(oci: Oci) -> None:
    image = an_image()
    index = an_index(subject=image.descriptor)
    assert oci.put_manifest(index).headers["OCI-Subject"] == image.digest
    assert oci.referrers(image.digest) == [index.descriptor]


def test_referrers_of_what_was_never_pushed_are_none(oci: Oci) -> None:
    for name in ("acme/app", "acme/never/pushed"):
        assert oci.named(name).referrers("sha256:" + "0" * 64) == []


def test_many_referrers_come_in_pages(oci: Oci) -> None:
    image = an_image()
    filler = {"filler": "x" * 1_500_000}
    pushed = [an_artifact(f"{SBOM}{one}", image, annotations=filler) for one in range(4)]
    for one in pushed:
        oci.push(one)
    seen: list[str] = []
    path = f"/v2/acme/app/referrers/{image.digest}"
    pages = 0
    while path:
        answer = oci.request("GET", path)
        assert len(answer.get_data()) <= 4 * 1024 * 1024 + 1024
        seen += [one["digest"] for one in answer.get_json()["manifests"]]
        link = answer.headers.get("Link", "")
        path = link[1 : link.index(">")] if link else ""
        pages += 1
    assert seen == [one.digest for one in pushed]
    assert pages == 2


def test_an_immutable_tag_stays_where_it_is(oci: Oci, acme: Acme, world: World) -> None:
    client = world.app.test_client()
    path = f"/api/v1/repositories/{acme.repository}"
    row = client.get(path, headers=acme.owner.bearer).get_json()
    settings = {**row["settings"], "immutable_tags": ["v*", "1.?"]}
    answer = client.patch(path, json={"settings": settings}, headers=acme.owner.bearer)
    assert answer.status_code == 200, answer.get_data()
    first, second = an_image(), an_image()
    oci.push(first, "v1")
    oci.push(first, "v1")
    oci.push(second, "latest")
    refused = oci.put_manifest(second, "v1")
    assert code_of(refused) == (403, "DENIED")
    assert "immutable" in refused.get_json()["errors"][0]["message"]
    assert code_of(oci.delete("manifests/v1")) == (403, "DENIED")
    assert code_of(oci.delete(f"manifests/{first.digest}")) == (403, "DENIED")
    the_manifest_is_there(oci, first, "v1")
    fallback = first.digest.replace(":", "-")
    oci.push(first, fallback)
    oci.push(second, fallback)


def test_a_deleted_package_comes_back_empty(oci: Oci, acme: Acme, world: World) -> None:
    oci.push(an_image(), "1")
    client = world.app.test_client()
    found = client.get("/api/v1/packages/by-name/oci/acme/app", headers=acme.owner.bearer)
    assert found.status_code == 200, found.get_data()
    path = f"/api/v1/packages/{found.get_json()['id']}"
    assert client.delete(path, headers=acme.owner.bearer).status_code == 204
    assert code_of(oci.get("tags/list")) == (404, "NAME_UNKNOWN")
    image = an_image()
    oci.push(image, "2")
    assert oci.tags() == ["2"]


def test_an_answer_from_memory_is_never_older_than_a_push(oci: Oci) -> None:
    for _ in range(5):
        image = an_image()
        oci.push(image, "latest")
        for _ in range(2):
            the_manifest_is_there(oci, image, "latest")
            assert oci.tags() == ["latest"]


def test_the_catalog_lists_what_the_caller_may_read(oci: Oci, acme: Acme, oci_as: Any) -> None:
    for name in ("acme/app", "acme/b/c", "acme/a-b"):
        oci.named(name).push(an_image(), "1")
    oci_as(acme.owner, "acme/pub/x").push(an_image(), "1")

    def listed(caller: Oci, query: str = "") -> Any:
        return caller.request("GET", f"_catalog{query}").get_json()["repositories"]

    assert listed(oci) == ["acme/a-b", "acme/app", "acme/b/c", "acme/pub/x"]
    assert listed(oci_as(acme.outsider)) == ["acme/pub/x"]
    page = oci.request("GET", "_catalog?n=2")
    assert page.get_json()["repositories"] == ["acme/a-b", "acme/app"]
    link = page.headers["Link"]
    rest = oci.request("GET", link[1 : link.index(">")])
    assert rest.get_json()["repositories"] == ["acme/b/c", "acme/pub/x"]
    assert listed(oci, "?last=acme/app") == ["acme/b/c", "acme/pub/x"]
    assert code_of(oci_as().request("GET", "_catalog")) == (401, "UNAUTHORIZED")


def test_the_digest_is_of_the_bytes_as_they_were_sent(oci: Oci) -> None:
    image = an_image()
    for content in image.blobs:
        oci.blob(content)
    spaced = Image(image.manifest + b"   \n", image.blobs)
    answer = oci.put_manifest(spaced, image.digest)
    assert code_of(answer) == (400, "DIGEST_INVALID")
    assert oci.put_manifest(spaced, "1").status_code == 201
    assert hashlib.sha256(oci.get("manifests/1").get_data()).hexdigest() in spaced.digest
