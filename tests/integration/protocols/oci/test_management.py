"""Images in the management API: tags are their versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from app.registry import download_counts
from tests.api_client import ApiClient, code_of
from tests.integration.protocols.oci.conftest import an_image, an_index, sha256

if TYPE_CHECKING:
    from tests.acme import Acme
    from tests.integration.protocols.oci.conftest import Image, Oci
    from tests.world import World


@pytest.fixture
def api(world: World, acme: Acme) -> ApiClient:
    """The management API, as the maintainer speaks to it."""
    return ApiClient(world.app, acme.maintainer)


@pytest.fixture
def image(oci: Oci) -> Image:
    """An image with two tags."""
    image = an_image(b"a layer")
    oci.push(image, "2.0")
    oci.push(image, "1.0")
    return image


@pytest.fixture
def package(api: ApiClient, image: Image) -> str:
    """The path of the image's package."""
    del image
    found = api.read("/packages/by-name/oci/acme/app")
    return f"/packages/{found['id']}"


def size_of(image: Image) -> int:
    return len(image.manifest) + sum(map(len, image.blobs))


def test_tags_are_versions_and_so_are_digests(api: ApiClient, package: str, image: Image) -> None:
    versions = api.items(f"{package}/versions")
    assert [one["number"] for one in versions] == ["1.0", "2.0"]
    assert [one["size_bytes"] for one in versions] == [size_of(image)] * 2
    assert {one["published_by"]["username"] for one in versions} == {"mallory"}
    first = api.read(f"{package}/versions?limit=1")
    assert first["items"] == versions[:1]
    assert api.items(f"{package}/versions?limit=1&cursor={first['next_cursor']}") == versions[1:]
    assert api.read(f"{package}/versions/1.0") == versions[0]
    by_digest = api.read(f"{package}/versions/{image.digest}")
    assert by_digest["number"] == image.digest
    assert by_digest["size_bytes"] == size_of(image)


def test_a_pull_counts_its_tag_or_digest_once(
    api: ApiClient, world: World, oci: Oci, package: str, image: Image
) -> None:
    for _ in range(2):
        assert oci.get("manifests/1.0").status_code == 200
    assert oci.get(f"manifests/{image.digest}").status_code == 200
    with world.context():
        download_counts.send()
        download_counts.flush()
    counts = {one["version"]: one["downloads"] for one in api.items(f"{package}/downloads")}
    assert counts == {"1.0": 2, image.digest: 1}


def test_the_files_of_an_image_are_its_manifest_and_its_blobs(
    api: ApiClient, package: str, image: Image
) -> None:
    files = {one["filename"]: one for one in api.items(f"{package}/versions/1.0/files")}
    assert set(files) == {image.digest, *map(sha256, image.blobs)}
    manifest = files[image.digest]
    assert manifest["size_bytes"] == len(image.manifest)
    assert manifest["media_type"] == image.media_type
    assert f"sha256:{manifest['sha256']}" == image.digest
    assert api.items(f"{package}/versions/1.0/dependencies") == []
    assert api.read(f"{package}/versions/1.0/readme") == {"text": ""}


def test_an_index_is_as_large_as_its_manifest(api: ApiClient, package: str, oci: Oci) -> None:
    child = an_image()
    oci.push(child)
    index = an_index(child)
    oci.push(index, "multi")
    assert api.read(f"{package}/versions/multi")["size_bytes"] == len(index.manifest)


@pytest.mark.parametrize("number", ["3.0", "sha256:" + "0" * 64, "sha256:short", "-", "a b"])
def test_what_is_not_there(api: ApiClient, package: str, number: str) -> None:
    at = f"{package}/versions/{quote(number)}"
    for path in (at, f"{at}/files", f"{at}/readme", f"{at}/dependencies"):
        assert api.get(path).status_code == 404
    assert api.delete(at).status_code == 404
    assert api.post(f"{at}/yank", {}).status_code == 404


def test_a_tag_is_deleted_and_its_manifest_stays(
    api: ApiClient, package: str, oci: Oci, image: Image
) -> None:
    seen = api.get(f"{package}/versions/1.0")
    assert api.delete(f"{package}/versions/1.0", headers={"If-Match": '"other"'}).status_code == 412
    headers = {"If-Match": seen.headers["ETag"]}
    assert api.delete(f"{package}/versions/1.0", headers=headers).status_code == 204
    assert oci.tags() == ["2.0"]
    assert oci.get(f"manifests/{image.digest}").status_code == 200
    assert api.delete(f"{package}/versions/{image.digest}").status_code == 204
    assert oci.tags() == []
    assert oci.get(f"manifests/{image.digest}").status_code == 404


def test_images_are_not_yanked(api: ApiClient, package: str) -> None:
    refused = api.post(f"{package}/versions/1.0/yank", {})
    assert (refused.status_code, code_of(refused)) == (409, "conflict")
    assert "Move or delete the tag" in refused.get_json()["detail"]


def test_an_immutable_tag_stays(
    api: ApiClient, package: str, world: World, acme: Acme, oci: Oci
) -> None:
    settings = {"settings": {"immutable_tags": ["1.*"]}}
    owner = ApiClient(world.app, acme.owner)
    assert owner.patch(f"/repositories/{acme.repository}", settings).status_code == 200
    refused = api.delete(f"{package}/versions/1.0")
    assert (refused.status_code, code_of(refused)) == (403, "forbidden")
    assert "1.0" in refused.get_json()["detail"]
    assert oci.tags() == ["1.0", "2.0"]


def test_who_may_not_delete(world: World, acme: Acme, package: str) -> None:
    statuses: dict[str, Any] = {
        name: ApiClient(world.app, person).delete(f"{package}/versions/1.0").status_code
        for name, person in (
            ("reader", acme.reader),
            ("developer", acme.developer),
            ("outsider", acme.outsider),
        )
    }
    assert statuses == {"reader": 403, "developer": 403, "outsider": 404}
