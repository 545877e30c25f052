"""An organization with people of each role, and OCI's requests spoken by hand."""

from __future__ import annotations

import hashlib
import io
import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from app.models import Visibility
from app.protocols.oci.manifest_parsing import OCI_IMAGE, OCI_INDEX
from tests.acme import make_acme

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.acme import Acme
    from tests.world import Person, World

CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"


def sha256(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def sha512(content: bytes) -> str:
    return "sha512:" + hashlib.sha512(content).hexdigest()


def descriptor(content: bytes, media_type: str = LAYER_TYPE, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": sha256(content), "size": len(content), **more}


@dataclass(frozen=True)
class Image:
    """A manifest and the blobs that it needs."""

    manifest: bytes
    blobs: tuple[bytes, ...] = ()
    media_type: str = OCI_IMAGE

    @property
    def digest(self) -> str:
        return sha256(self.manifest)

    @property
    def descriptor(self) -> dict[str, Any]:
        return descriptor(self.manifest, self.media_type)


def an_image(*layers: bytes, **more: Any) -> Image:
    """Make an image of some layers, or of a random one."""
    layers = layers or (secrets.token_bytes(100),)
    config = b'{"architecture":"amd64","os":"linux"}'
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE,
        "config": descriptor(config, CONFIG_TYPE),
        "layers": [descriptor(one) for one in layers],
        **more,
    }
    return Image(json.dumps(manifest).encode(), (config, *layers))


def an_index(*children: Image, **more: Any) -> Image:
    """Make an index of images."""
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [one.descriptor for one in children],
        **more,
    }
    return Image(json.dumps(manifest).encode(), (), OCI_INDEX)


def code_of(answer: TestResponse) -> tuple[int, str]:
    """Return an error's status and code."""
    return answer.status_code, answer.get_json()["errors"][0]["code"]


@dataclass
class Oci:
    """OCI's requests as one caller, about one image unless another one is named."""

    client: FlaskClient
    headers: dict[str, str] = field(default_factory=dict)
    name: str = "acme/app"

    def request(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> TestResponse:
        """Send a request below ``/v2/``; header names are written with ``_`` for ``-``."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.open(
            f"/v2/{path}" if not path.startswith("/") else path,
            method=method,
            data=body,
            headers={**self.headers, **sent},
        )

    def chunked(self, method: str, path: str, body: bytes, **headers: str) -> TestResponse:
        """Send a body without a length, as docker does."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.open(
            path,
            method=method,
            input_stream=io.BytesIO(body),
            headers={**self.headers, "Transfer-Encoding": "chunked", **sent},
            environ_overrides={"wsgi.input_terminated": True},
        )

    def get(self, path: str, **headers: str) -> TestResponse:
        """Read something of the image."""
        return self.request("GET", f"{self.name}/{path}", **headers)

    def head(self, path: str, **headers: str) -> TestResponse:
        """Ask for something of the image."""
        return self.request("HEAD", f"{self.name}/{path}", **headers)

    def delete(self, path: str) -> TestResponse:
        """Remove something of the image."""
        return self.request("DELETE", f"{self.name}/{path}")

    def begin(self, query: str = "", **headers: str) -> str:
        """Begin an upload; returns its path."""
        answer = self.request("POST", f"{self.name}/blobs/uploads/{query}", **headers)
        assert answer.status_code == 202, answer.get_data()
        return answer.headers["Location"]

    def blob(self, content: bytes, digest: str | None = None) -> str:
        """Push a blob in two requests; returns its digest."""
        digest = digest or sha256(content)
        location = self.begin()
        answer = self.request("PUT", f"{location}?digest={digest}", content)
        assert answer.status_code == 201, answer.get_data()
        return digest

    def put_manifest(
        self, image: Image, reference: str | None = None, **query: Any
    ) -> TestResponse:
        """Push a manifest alone, by a tag or its digest."""
        return self.client.put(
            f"/v2/{self.name}/manifests/{reference or image.digest}",
            data=image.manifest,
            headers={**self.headers, "Content-Type": image.media_type},
            query_string=query,
        )

    def push(self, image: Image, reference: str | None = None) -> str:
        """Push an image with its blobs; returns its digest."""
        for content in image.blobs:
            self.blob(content)
        answer = self.put_manifest(image, reference)
        assert answer.status_code == 201, answer.get_data()
        return answer.headers["Docker-Content-Digest"]

    def tags(self, query: str = "") -> list[str]:
        """List the image's tags."""
        answer = self.get(f"tags/list{query}")
        assert answer.status_code == 200, answer.get_data()
        found: list[str] = answer.get_json()["tags"]
        return found

    def referrers(self, digest: str, query: str = "") -> list[dict[str, Any]]:
        """List what refers to a digest."""
        answer = self.get(f"referrers/{digest}{query}")
        assert answer.status_code == 200, answer.get_data()
        assert answer.content_type == OCI_INDEX
        found: list[dict[str, Any]] = answer.get_json()["manifests"]
        return found

    def bearer(self, *scopes: str) -> Oci:
        """Get a token for some scopes, and return who uses it."""
        answer = self.client.get("/v2/token", headers=self.headers, query_string={"scope": scopes})
        assert answer.status_code == 200, answer.get_data()
        token = answer.get_json()["token"]
        return Oci(self.client, {"Authorization": f"Bearer {token}"}, self.name)

    def named(self, name: str) -> Oci:
        """Return the same caller, about another image."""
        return Oci(self.client, self.headers, name)


@pytest.fixture
def acme(world: World) -> Acme:
    """An organization ``acme`` with one person for each role in its repository ``oci``."""
    made = make_acme(world, "oci")
    world.repository("acme", made.owner, "pub", protocol="oci", visibility=Visibility.PUBLIC)
    return made


@pytest.fixture
def oci_as(world: World) -> Any:
    """Speak OCI as somebody; as nobody without a person."""

    def speak(person: Person | None = None, name: str = "acme/app") -> Oci:
        return Oci(world.app.test_client(), person.bearer if person else {}, name)

    return speak


@pytest.fixture
def oci(oci_as: Any, acme: Acme) -> Oci:
    """Speak OCI as the maintainer, about ``acme/app``."""
    found: Oci = oci_as(acme.maintainer)
    return found


def headers_of(answer: TestResponse, *names: str) -> Mapping[str, str | None]:
    """Return some headers."""
    return {name: answer.headers.get(name) for name in names}
