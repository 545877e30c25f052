"""Every row of the table of bad input: exact status and code, and nothing left behind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from app.models import Blob, BlobUpload, Manifest
from app.protocols.oci.manifest_parsing import DOCKER_IMAGE, LARGEST_BYTES, OCI_IMAGE, OCI_INDEX
from tests.integration.protocols.oci.conftest import (
    CONFIG_TYPE,
    Image,
    an_image,
    an_index,
    code_of,
    descriptor,
    sha256,
)

if TYPE_CHECKING:
    from pathlib import Path

    from config.settings import Settings
    from tests.acme import Acme
    from tests.integration.protocols.oci.conftest import Oci
    from tests.world import World

CONTENT = b"0123456789"
SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"


@pytest.mark.parametrize(
    "name",
    [
        "ACME/App",
        "acme/../x",
        "acme//x",
        "/acme/x",
        "acme/x/",
        "acme/" + "a" * 196,
        "acme/a%00b",
        "acme/a%0ab",
        "acme/a%01b",
        "acme/a___b",
        "acme/-a",
        "acme/a..b",
        "acme/%E2%82%AC",
        "app",
    ],
)
def test_a_name_that_is_none_is_refused_in_every_route(oci: Oci, name: str) -> None:
    digest = sha256(CONTENT)
    for method, path in (
        ("GET", f"{name}/tags/list"),
        ("GET", f"{name}/manifests/1"),
        ("PUT", f"{name}/manifests/1"),
        ("GET", f"{name}/blobs/{digest}"),
        ("GET", f"{name}/referrers/{digest}"),
        ("POST", f"{name}/blobs/uploads/"),
        ("PATCH", f"{name}/blobs/uploads/x"),
    ):
        answer = oci.request(method, f"/v2/{path}")
        if name == "app" and method == "GET":
            assert code_of(answer) == (404, "NAME_UNKNOWN")
        else:
            assert code_of(answer) == (400, "NAME_INVALID"), (method, path)


@pytest.mark.parametrize("tag", ["bad!tag", "a" * 129, ".dot", "-dash", "sp%20ace", "%E2%82%AC"])
def test_a_tag_that_is_none(oci: Oci, tag: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = oci.request(method, f"acme/app/manifests/{tag}")
        assert code_of(answer) == (400, "MANIFEST_INVALID")
        assert "invalid tag" in answer.get_json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "digest",
    [
        "sha256:zz",
        "md5:" + "0" * 32,
        "sha256:" + "A" * 64,
        "sha256:" + "0" * 63,
        "sha256:" + "0" * 65,
        "sha512:" + "0" * 64,
        "sha256:" + "0" * 64 + "%0a",
        "notadigest:",
        "sha256:baddigeststring",
    ],
)
def test_a_digest_that_is_none(oci: Oci, digest: str) -> None:
    upload = oci.begin()
    for method, path in (
        ("GET", f"acme/app/blobs/{digest}"),
        ("DELETE", f"acme/app/blobs/{digest}"),
        ("GET", f"acme/app/manifests/{digest}"),
        ("PUT", f"acme/app/manifests/{digest}"),
        ("GET", f"acme/app/referrers/{digest}"),
        ("PUT", f"{upload}?digest={digest}"),
        ("POST", f"acme/app/blobs/uploads/?digest={digest}"),
        ("POST", f"acme/app/blobs/uploads/?mount={digest}&from=acme/other"),
    ):
        assert code_of(oci.request(method, path)) == (400, "DIGEST_INVALID"), (method, path)


def test_what_is_no_digest_at_all_where_one_has_to_be(oci: Oci) -> None:
    for path in ("referrers/notadigest", "blobs/notadigest"):
        assert code_of(oci.get(path)) == (400, "DIGEST_INVALID")
    answer = oci.request("POST", "acme/app/blobs/uploads/?digest-algorithm=md5")
    assert code_of(answer) == (400, "DIGEST_INVALID")


def test_a_put_without_a_digest(oci: Oci) -> None:
    location = oci.begin()
    assert code_of(oci.request("PUT", location, CONTENT)) == (400, "DIGEST_INVALID")
    assert oci.request("GET", location).headers["Range"] == "0-0"


def test_a_put_with_another_digest(oci: Oci, settings: Settings) -> None:
    location = oci.begin()
    wrong = sha256(b"other")
    answer = oci.request("PUT", f"{location}?digest={wrong}", CONTENT)
    assert code_of(answer) == (400, "DIGEST_INVALID")
    assert code_of(oci.request("GET", location)) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert code_of(oci.get(f"blobs/{wrong}")) == (404, "BLOB_UNKNOWN")
    assert stored_files(settings.data_dir) == []


def test_a_first_chunk_that_does_not_begin_at_zero(oci: Oci) -> None:
    location = oci.begin()
    answer = oci.request("PATCH", location, CONTENT[:5], Content_Range="5-9")
    assert code_of(answer) == (416, "BLOB_UPLOAD_INVALID")
    assert answer.headers["Range"] == "0-0"
    assert answer.headers["Location"] == location


@pytest.mark.parametrize("with_length", [True, False])
def test_a_chunk_that_is_shorter_than_its_range(oci: Oci, *, with_length: bool) -> None:
    location = oci.begin()
    oci.request("PATCH", location, CONTENT)
    if with_length:
        answer = oci.request("PATCH", location, CONTENT[:5], Content_Range="10-19")
    else:
        answer = oci.chunked("PATCH", location, CONTENT[:5], Content_Range="10-19")
    assert code_of(answer) == (400, "SIZE_INVALID")
    assert oci.request("GET", location).headers["Range"] == "0-9"
    assert oci.request("PUT", f"{location}?digest={sha256(CONTENT)}").status_code == 201


@pytest.mark.parametrize("header", ["abc", "9-0", "-5-3", "0-", "bytes=0-9", "0-9,11-12", "1e1-20"])
def test_a_content_range_that_is_none(oci: Oci, header: str) -> None:
    location = oci.begin()
    answer = oci.request("PATCH", location, CONTENT, Content_Range=header)
    assert code_of(answer) == (400, "BLOB_UPLOAD_INVALID")
    assert oci.request("GET", location).headers["Range"] == "0-0"


@pytest.mark.parametrize(
    "upload_id", ["00000000-0000-4000-8000-000000000000", "x", "..%2f..%2fetc", "../../etc", "%00"]
)
@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
def test_an_upload_that_is_none(oci: Oci, upload_id: str, method: str) -> None:
    path = f"acme/app/blobs/uploads/{upload_id}?digest={sha256(CONTENT)}"
    assert code_of(oci.request(method, path, CONTENT)) == (404, "BLOB_UPLOAD_UNKNOWN")


def limit_to(world: World, acme: Acme, **settings: int) -> None:
    client = world.app.test_client()
    path = f"/api/v1/repositories/{acme.repository}"
    row = client.get(path, headers=acme.owner.bearer).get_json()
    answer = client.patch(
        path, json={"settings": {**row["settings"], **settings}}, headers=acme.owner.bearer
    )
    assert answer.status_code == 200, answer.get_data()


def stored_files(data_dir: Path) -> list[str]:
    return [one.name for one in data_dir.rglob("*") if one.is_file()]


@pytest.mark.parametrize("style", ["length", "chunked", "put"])
def test_a_blob_above_the_limit(
    oci: Oci, world: World, acme: Acme, settings: Settings, style: str
) -> None:
    limit_to(world, acme, max_file_bytes=15)
    location = oci.begin()
    oci.request("PATCH", location, CONTENT)
    if style == "length":
        answer = oci.request("PATCH", location, CONTENT)
    elif style == "chunked":
        answer = oci.chunked("PATCH", location, CONTENT)
    else:
        answer = oci.request("PUT", f"{location}?digest={sha256(CONTENT * 2)}", CONTENT)
    assert code_of(answer) == (413, "SIZE_INVALID")
    assert oci.request("GET", location).headers["Range"] == "0-9"
    oci.request("DELETE", location)
    assert stored_files(settings.data_dir) == []


def test_a_push_above_the_quota(oci: Oci, world: World, acme: Acme) -> None:
    limit_to(world, acme, quota_bytes=25)
    oci.blob(CONTENT)
    oci.named("acme/other").blob(CONTENT)
    oci.blob(b"another ten")
    location = oci.begin()
    answer = oci.request("PUT", f"{location}?digest={sha256(b'one more')}", b"one more")
    assert code_of(answer) == (403, "DENIED")
    assert "at most 25 bytes" in answer.get_json()["errors"][0]["message"]


def test_a_push_above_the_quota_of_the_organization(oci: Oci, world: World, acme: Acme) -> None:
    answer = world.app.test_client().patch(
        "/api/v1/organizations/acme",
        json={"settings": {"quota_bytes": 15}},
        headers=acme.owner.bearer,
    )
    assert answer.status_code == 200, answer.get_data()
    oci.blob(CONTENT)
    location = oci.begin()
    answer = oci.request("PUT", f"{location}?digest={sha256(b'one more')}", b"one more")
    assert code_of(answer) == (403, "DENIED")
    assert "acme holds 10 of at most 15 bytes" in answer.get_json()["errors"][0]["message"]


def test_a_manifest_of_four_mebibytes_and_a_byte(oci: Oci) -> None:
    for body, expected in (
        (b" " * (LARGEST_BYTES + 1), (413, "SIZE_INVALID")),
        (b" " * LARGEST_BYTES, (400, "MANIFEST_INVALID")),
    ):
        answer = oci.request("PUT", "acme/app/manifests/1", body, Content_Type=OCI_IMAGE)
        assert code_of(answer) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"x"',
        b"2",
        b"not JSON",
        b'{"schemaVersion":2',
        b'{"schemaVersion":2,"layers":[],"config":\xff}',
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"[" * 10_000 + b"]" * 10_000,
        b'{"schemaVersion":2,"a":' + b"[" * 65 + b"]" * 65 + b"}",
        b'{"schemaVersion":2,"mediaType":"a","mediaType":"b"}',
        b'{"schemaVersion":2,"n":NaN}',
        b'{"schemaVersion":2,"annotations":{"a":"\\ud800"}}',
        b'{"schemaVersion":2,"n":' + b"9" * 5000 + b"}",
        b'\xef\xbb\xbf{"schemaVersion":2}',
    ],
    ids=lambda body: body[:24].decode("latin-1"),
)
def test_a_body_that_is_no_manifest(oci: Oci, body: bytes) -> None:
    answer = oci.request("PUT", "acme/app/manifests/1", body, Content_Type=OCI_IMAGE)
    assert code_of(answer) == (400, "MANIFEST_INVALID")


CONFIG = descriptor(b"{}", CONFIG_TYPE)
GOOD = {"schemaVersion": 2, "mediaType": OCI_IMAGE, "config": CONFIG, "layers": []}
INDEX = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}


def with_config(**changed: Any) -> dict[str, Any]:
    return {**GOOD, "config": {**CONFIG, **changed}}


@pytest.mark.parametrize(
    ("manifest", "content_type", "said"),
    [
        ({**GOOD, "manifests": []}, OCI_IMAGE, "manifests"),
        ({**INDEX, "layers": []}, OCI_INDEX, "layers"),
        ({**INDEX, "config": CONFIG}, OCI_INDEX, "config"),
        ({**GOOD, "fsLayers": []}, OCI_IMAGE, "fsLayers"),
        (GOOD, OCI_INDEX, "Content-Type"),
        (GOOD, DOCKER_IMAGE, "Content-Type"),
        ({**GOOD, "mediaType": 7}, OCI_IMAGE, "mediaType"),
        ({**GOOD, "schemaVersion": 1}, OCI_IMAGE, "schema 1"),
        ({**GOOD, "schemaVersion": "2"}, OCI_IMAGE, "schemaVersion"),
        ({**GOOD, "schemaVersion": True}, OCI_IMAGE, "schemaVersion"),
        ({**GOOD, "schemaVersion": 2.0}, OCI_IMAGE, "schemaVersion"),
        ({"schemaVersion": 1, "fsLayers": []}, SCHEMA_1, "schema 1 manifests are not supported"),
        ({"schemaVersion": 2, "config": CONFIG, "layers": []}, DOCKER_IMAGE, "mediaType"),
        ({**GOOD, "mediaType": "application/x"}, "application/x", "not supported"),
        (
            {"schemaVersion": 2, "mediaType": "application/vnd.oci.artifact.manifest.v1+json"},
            "application/vnd.oci.artifact.manifest.v1+json",
            "not supported",
        ),
        ({"schemaVersion": 2}, "", "what the manifest is"),
        ({"schemaVersion": 2, "mediaType": OCI_IMAGE, "layers": []}, OCI_IMAGE, "config"),
        ({"schemaVersion": 2, "mediaType": OCI_IMAGE, "config": CONFIG}, OCI_IMAGE, "layers"),
        ({**GOOD, "layers": {}}, OCI_IMAGE, "layers"),
        ({**GOOD, "layers": [CONFIG] * 10_001}, OCI_IMAGE, "10000"),
        ({"schemaVersion": 2, "mediaType": OCI_INDEX}, OCI_INDEX, "manifests"),
        ({**INDEX, "manifests": None}, OCI_INDEX, "manifests"),
        (with_config(size=-1), OCI_IMAGE, "size"),
        (with_config(size=1e30), OCI_IMAGE, "size"),
        (with_config(size=10**30), OCI_IMAGE, "size"),
        (with_config(size="2"), OCI_IMAGE, "size"),
        (with_config(size=True), OCI_IMAGE, "size"),
        (with_config(size=None), OCI_IMAGE, "size"),
        (with_config(digest=None), OCI_IMAGE, "digest"),
        (with_config(digest="sha256:zz"), OCI_IMAGE, "digest"),
        (with_config(mediaType=None), OCI_IMAGE, "mediaType"),
        (with_config(urls="https://x.test"), OCI_IMAGE, "urls"),
        (with_config(urls=[1]), OCI_IMAGE, "urls"),
        (with_config(data="!"), OCI_IMAGE, "data"),
        (with_config(data=7), OCI_IMAGE, "data"),
        (with_config(data="eHg="), OCI_IMAGE, "data"),
        (with_config(annotations={"a": 1}), OCI_IMAGE, "annotations"),
        ({**GOOD, "config": []}, OCI_IMAGE, "config"),
        ({**GOOD, "annotations": []}, OCI_IMAGE, "annotations"),
        ({**GOOD, "annotations": {"a": None}}, OCI_IMAGE, "annotations"),
        ({**GOOD, "artifactType": 1}, OCI_IMAGE, "artifactType"),
        ({**GOOD, "subject": {"digest": sha256(b"")}}, OCI_IMAGE, "subject"),
    ],
)
def test_a_manifest_that_is_wrong_says_where(
    oci: Oci, manifest: dict[str, Any], content_type: str, said: str
) -> None:
    oci.blob(b"{}")
    body = json.dumps(manifest).encode()
    answer = oci.request("PUT", "acme/app/manifests/1", body, Content_Type=content_type)
    assert code_of(answer) == (400, "MANIFEST_INVALID")
    assert said in answer.get_json()["errors"][0]["message"]
    assert Manifest.objects.count() == 0


@pytest.mark.parametrize(
    ("content_type", "kept_as"),
    [("", OCI_IMAGE), (f"{OCI_IMAGE}; charset=utf-8", OCI_IMAGE), (OCI_IMAGE.upper(), OCI_IMAGE)],
)
def test_a_content_type_may_be_missing_or_have_parameters(
    oci: Oci, content_type: str, kept_as: str
) -> None:
    oci.blob(b"{}")
    body = json.dumps(GOOD).encode()
    answer = oci.request("PUT", "acme/app/manifests/1", body, Content_Type=content_type)
    assert answer.status_code == 201
    assert oci.get("manifests/1").headers["Content-Type"] == kept_as


def test_a_type_that_nobody_says_is_found_out(oci: Oci) -> None:
    bare = {name: value for name, value in INDEX.items() if name != "mediaType"}
    oci.request("PUT", "acme/app/manifests/1", json.dumps(bare).encode())
    assert oci.get("manifests/1").headers["Content-Type"] == OCI_INDEX


def test_a_size_that_is_not_the_blobs(oci: Oci) -> None:
    oci.blob(b"{}")
    body = json.dumps(with_config(size=3)).encode()
    answer = oci.request("PUT", "acme/app/manifests/1", body, Content_Type=OCI_IMAGE)
    assert code_of(answer) == (400, "MANIFEST_INVALID")


def test_each_missing_blob_is_named(oci: Oci) -> None:
    image = an_image(b"one", b"two", b"two")
    oci.blob(image.blobs[0])
    answer = oci.put_manifest(image, "1")
    assert code_of(answer) == (400, "MANIFEST_BLOB_UNKNOWN")
    named = [one["detail"]["digest"] for one in answer.get_json()["errors"]]
    assert named == [sha256(b"one"), sha256(b"two")]


def test_blobs_of_another_package_are_missing_too(oci: Oci) -> None:
    image = an_image()
    oci.push(image, "1")
    other = oci.named("acme/other")
    assert code_of(other.put_manifest(image, "1")) == (400, "MANIFEST_BLOB_UNKNOWN")
    index = an_index(image)
    assert code_of(other.put_manifest(index, "1")) == (400, "MANIFEST_BLOB_UNKNOWN")


def test_a_sparse_index_is_taken_where_the_repository_says_so(
    oci: Oci, world: World, acme: Acme
) -> None:
    limit_to(world, acme, allow_sparse_index=True)
    assert oci.put_manifest(an_index(an_image()), "1").status_code == 201


def test_the_empty_json_counts_as_there_for_a_manifest_and_only_there(oci: Oci) -> None:
    image = Image(json.dumps(GOOD).encode())
    assert oci.put_manifest(image, "1").status_code == 201
    assert code_of(oci.get(f"blobs/{sha256(b'{}')}")) == (404, "BLOB_UNKNOWN")


def test_a_body_that_differs_from_its_digest(oci: Oci) -> None:
    image = an_image()
    for content in image.blobs:
        oci.blob(content)
    answer = oci.put_manifest(image, sha256(b"other"))
    assert code_of(answer) == (400, "DIGEST_INVALID")
    assert Manifest.objects.count() == 0


@pytest.mark.parametrize("number", ["-1", "abc", "1.5", "", "%E2%82%AC", "+1"])
def test_a_number_of_results_that_is_none(oci: Oci, number: str) -> None:
    oci.push(an_image(), "1")
    for path in (f"acme/app/tags/list?n={number}", f"_catalog?n={number}"):
        assert code_of(oci.request("GET", path)) == (400, "PAGINATION_NUMBER_INVALID")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", ""),
        ("PUT", ""),
        ("DELETE", ""),
        ("PUT", "_catalog"),
        ("DELETE", "token"),
        ("POST", "acme/app/manifests/1"),
        ("PATCH", "acme/app/manifests/1"),
        ("PUT", "acme/app/tags/list"),
        ("POST", "acme/app/blobs/sha256:" + "0" * 64),
        ("PURGE", "acme/app/manifests/1"),
        ("POST", "acme/app/referrers/sha256:" + "0" * 64),
    ],
)
def test_a_method_that_is_not_possible(oci: Oci, method: str, path: str) -> None:
    answer = oci.request(method, path)
    assert code_of(answer) == (405, "UNSUPPORTED")
    assert answer.headers["Allow"]
    assert answer.headers["Docker-Distribution-API-Version"] == "registry/2.0"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("nothing", "NAME_UNKNOWN"),
        ("acme/app/nothing", "NAME_UNKNOWN"),
        ("acme/app/tags", "NAME_UNKNOWN"),
        ("acme/app/manifests/", "MANIFEST_UNKNOWN"),
        ("acme/app/blobs/", "BLOB_UNKNOWN"),
    ],
)
def test_a_path_that_leads_nowhere_is_answered_in_the_same_form(
    oci: Oci, path: str, code: str
) -> None:
    answer = oci.request("GET", path)
    assert code_of(answer) == (404, code)
    assert answer.headers["Docker-Distribution-API-Version"] == "registry/2.0"


@pytest.mark.parametrize(
    "path", ["/v1/search?q=x", "/v1/_ping", "/oci/acme/app/tags/list", "/o/acme/v2/"]
)
def test_older_and_other_paths_are_not_there(oci: Oci, path: str) -> None:
    assert oci.client.get(path, headers=oci.headers).status_code == 404


def test_more_scopes_than_anybody_needs(oci: Oci) -> None:
    scopes = [f"repository:acme/app{number}:pull" for number in range(101)]
    for asked in (scopes, [" ".join(scopes)]):
        answer = oci.client.get("/v2/token", headers=oci.headers, query_string={"scope": asked})
        assert code_of(answer) == (400, "UNSUPPORTED")
    form = {"grant_type": "password", "scope": "x" * 70_000}
    assert code_of(oci.client.post("/v2/token", data=form)) == (413, "SIZE_INVALID")


def test_a_scope_is_split_at_its_first_and_last_colon(oci: Oci) -> None:
    answer = oci.client.get("/v2/token?scope=repository:a:b:c:pull", headers=oci.headers)
    assert answer.status_code == 200


@pytest.mark.parametrize("proxied", ["acme/hub/../../etc", "acme/hub/%2e%2e/x"])
def test_a_path_that_escapes(oci: Oci, proxied: str) -> None:
    assert code_of(oci.request("GET", f"{proxied}/manifests/1")) == (400, "NAME_INVALID")


def test_nothing_of_all_this_is_left_in_the_store(oci: Oci) -> None:
    location = oci.begin()
    oci.request("PATCH", location, CONTENT, Content_Range="abc")
    oci.request("PUT", f"{location}?digest={sha256(b'other')}", CONTENT)
    assert (Blob.objects.count(), BlobUpload.objects.count()) == (0, 0)
