"""What a registry of images answers to those who ask it by hand."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from tests.clients import wire
from tests.clients.wire import Answer

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


class Wire(wire.Wire):
    """Speaks of images with one person's token, or with nobody's."""

    def manifest(self, name: str, reference: str) -> Answer:
        """Read a manifest."""
        return self.ask("GET", f"/v2/{name}/manifests/{reference}")

    def digest(self, name: str, tag: str) -> str:
        """Return the digest that a tag stands for."""
        answer = self.ask("HEAD", f"/v2/{name}/manifests/{tag}")
        assert answer.status == 200, answer
        return answer.headers["docker-content-digest"]

    def blob(self, name: str, digest: str) -> Answer:
        """Read a blob."""
        return self.ask("GET", f"/v2/{name}/blobs/{digest}")

    def tags(self, name: str) -> list[str]:
        """Return the tags of a name."""
        answer = self.ask("GET", f"/v2/{name}/tags/list")
        assert answer.status == 200, answer
        tags: list[str] = answer.json()["tags"]
        return tags

    def referrers(self, name: str, digest: str, artifact_type: str = "") -> list[dict[str, Any]]:
        """Return the descriptors of what refers to a manifest."""
        query = f"?{urlencode({'artifactType': artifact_type})}" if artifact_type else ""
        answer = self.ask("GET", f"/v2/{name}/referrers/{digest}{query}")
        assert answer.status == 200, answer
        found: list[dict[str, Any]] = answer.json()["manifests"]
        return found
