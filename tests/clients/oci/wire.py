"""The registry itself, asked by hand: what clients say and do is compared with it."""

from __future__ import annotations

import http.client
import json
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

if TYPE_CHECKING:
    from tests.clients.registry import Account

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
PATIENCE_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer, read whole; the names of its headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    def message(self) -> str:
        """What the first of its errors says to a person."""
        message: str = self.json()["errors"][0]["message"]
        return message


class Wire:
    """Sends requests with one person's token, or with nobody's."""

    def __init__(self, origin: str, account: Account | None) -> None:
        self._host = urlsplit(origin).netloc
        self._headers: dict[str, str] = {}
        if account is not None:
            self._headers["Authorization"] = basic(account.username, account.token)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send one request, on a connection of its own."""
        connection = http.client.HTTPConnection(self._host, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, body, {**self._headers, **(headers or {})})
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(status=response.status, headers=names, body=response.read())
        finally:
            connection.close()

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

    def api(self, method: str, path: str, content: dict[str, Any] | None = None) -> Any:
        """Send one request to the management API, which has to succeed."""
        body = None if content is None else json.dumps(content).encode()
        answer = self.ask(method, f"/api/v1{path}", body, {"Content-Type": "application/json"})
        assert answer.status < 300, answer
        return answer.json() if answer.body else None


def basic(username: str, password: str) -> str:
    """Return the header of a person who sends name and password."""
    return f"Basic {b64encode(f'{username}:{password}'.encode()).decode()}"
