"""npm's wire format, spoken by hand: bodies that a test can bend, and a small client."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import io
import json
import tarfile
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from urllib.parse import quote, urlsplit
from weakref import finalize


def tarball(
    package_json: dict[str, Any] | bytes,
    files: dict[str, bytes] | None = None,
    *,
    root: str = "package",
) -> bytes:
    """Pack an npm tarball."""
    if isinstance(package_json, dict):
        package_json = json.dumps(package_json).encode()
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in {"package.json": package_json, **(files or {})}.items():
            entry = tarfile.TarInfo(f"{root}/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)


@dataclass
class PublishDocument:
    """The document of one publish, as npm would send it, open to any change."""

    name: str
    version: str
    tarball: bytes
    tag: str = "latest"
    document: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        filename = f"{self.name}-{self.version}.tgz"
        sha512 = base64.b64encode(hashlib.sha512(self.tarball).digest()).decode()
        self.document = {
            "_id": self.name,
            "name": self.name,
            "dist-tags": {self.tag: self.version},
            "versions": {
                self.version: {
                    "name": self.name,
                    "version": self.version,
                    "_id": f"{self.name}@{self.version}",
                    "dist": {
                        "integrity": f"sha512-{sha512}",
                        "shasum": hashlib.sha1(self.tarball, usedforsecurity=False).hexdigest(),
                        "tarball": f"http://registry.test/{self.name}/-/{filename}",
                    },
                }
            },
            "access": None,
            "_attachments": {
                filename: {
                    "content_type": "application/octet-stream",
                    "data": base64.b64encode(self.tarball).decode(),
                    "length": len(self.tarball),
                }
            },
        }

    @property
    def manifest(self) -> dict[str, Any]:
        """The version's manifest in the document."""
        found: dict[str, Any] = self.document["versions"][self.version]
        return found

    @property
    def attachment(self) -> dict[str, Any]:
        """The tarball's attachment."""
        found: dict[str, Any] = next(iter(self.document["_attachments"].values()))
        return found

    def body(self) -> bytes:
        """The bytes to send."""
        return json.dumps(self.document).encode()


def a_publish(
    name: str, version: str = "1.0.0", *, tag: str = "latest", **more: Any
) -> PublishDocument:
    """Make an ordinary publish of a small package."""
    package_json = {"name": name, "version": version, "description": f"{name} in a test", **more}
    return PublishDocument(name, version, tarball(package_json, {"README.md": b"# hi\n"}), tag)


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, read whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


_STALE_SECONDS = 20


class NpmWire:
    """An npm client on one keep-alive connection, which it closes with itself.

    Args:
        registry: the base URL, which ends with a slash.
        token: sent as Bearer; none sends nothing.
    """

    def __init__(self, registry: str, token: str | None = None, *, seconds: float = 60) -> None:
        parts = urlsplit(registry)
        assert parts.hostname is not None
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=seconds)
        finalize(self, self._connection.close)
        self._used_at = monotonic()
        self._path = parts.path
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send one request; the path is below the registry."""
        if monotonic() > self._used_at + _STALE_SECONDS:
            self._connection.close()  # The server may just be closing it as idle.
        self._used_at = monotonic()
        sent = {**self._headers, **(headers or {})}
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        try:
            self._connection.request(method, self._path + path, body, sent)
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, content)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def publish(self, document: PublishDocument) -> Answer:
        """Publish a version."""
        return self.request("PUT", quote(document.name, safe="@"), document.body())

    def packument(self, name: str, *, for_change: bool = False) -> Answer:
        """Read the full packument."""
        query = "?write=true" if for_change else ""
        return self.request("GET", quote(name, safe="@") + query)

    def tarball(self, name: str, version: str) -> Answer:
        """Read a version's bytes by its canonical URL."""
        return self.request("GET", f"{name}/-/{name.rpartition('/')[2]}-{version}.tgz")

    def set_tag(self, name: str, tag: str, version: str) -> Answer:
        """Point a dist-tag at a version."""
        path = f"-/package/{quote(name, safe='@')}/dist-tags/{quote(tag)}"
        return self.request("PUT", path, json.dumps(version).encode())

    def remove_tag(self, name: str, tag: str) -> Answer:
        """Remove a dist-tag."""
        return self.request("DELETE", f"-/package/{quote(name, safe='@')}/dist-tags/{quote(tag)}")

    def unpublish(self, name: str, version: str) -> Answer:
        """Withdraw one version, as npm does: the packument without it."""
        packument = self.packument(name, for_change=True).json()
        del packument["versions"][version]
        packument["dist-tags"] = {
            tag: number for tag, number in packument["dist-tags"].items() if number != version
        }
        path = f"{quote(name, safe='@')}/-rev/{packument['_rev']}"
        return self.request("PUT", path, json.dumps(packument).encode())

    def unpublish_all(self, name: str) -> Answer:
        """Withdraw the whole package."""
        revision = self.packument(name, for_change=True).json()["_rev"]
        return self.request("DELETE", f"{quote(name, safe='@')}/-rev/{revision}")
