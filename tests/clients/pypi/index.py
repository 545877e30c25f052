"""The index itself, asked by hand."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from urllib3.filepost import encode_multipart_formdata

from tests.clients.pypi.projects import Distributions, Release, normalized
from tests.clients.registry import ORGANIZATION
from tests.clients.wire import Answer, Wire

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.registry import Account

ACME = f"/o/{ORGANIZATION}"
"""The prefix of the organization's scope."""
JSON = "application/vnd.pypi.simple.v1+json"


class Index(Wire):
    """The projects that one person, or nobody, sees below one prefix.

    Attributes:
        simple: the address of the simple index, without credentials.
        upload_url: where files are uploaded to.
    """

    def __init__(self, origin: str, account: Account | None, prefix: str = ACME) -> None:
        super().__init__(origin, account)
        self.origin = origin
        self.account = account
        self.base = f"{prefix}/pypi"
        self.simple = f"{origin}{self.base}/simple/"
        self.upload_url = f"{origin}{self.base}/legacy/"

    @property
    def token(self) -> str:
        """The person's token."""
        assert self.account is not None
        return self.account.token

    @property
    def signed_in(self) -> str:
        """The address of the simple index with the person's token in it."""
        return with_token(self.simple, self.account)

    def detail(self, name: str, accept: str = JSON) -> Answer:
        """Read a project's page."""
        path = f"{self.base}/simple/{normalized(name)}/"
        return self.ask("GET", path, headers={"Accept": accept})

    def files(self, name: str) -> dict[str, dict[str, Any]]:
        """Return a project's files by name, as its page has them."""
        answer = self.detail(name)
        assert answer.status == 200, answer
        return {file["filename"]: file for file in answer.json()["files"]}

    def download(self, url: str) -> Answer:
        """Read a file, or what else is at a URL that the index gave."""
        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}" == self.origin
        return self.ask("GET", parts.path)

    def about(self, release: Release) -> dict[str, Any]:
        """Return what the JSON API tells of a release."""
        path = f"{self.base}/{normalized(release.name)}/{quote(release.version)}/json"
        answer = self.ask("GET", path)
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.json()["info"]
        return found

    def upload(self, file: Path, release: Release) -> Answer:
        """Upload one file, as the oldest of clients would."""
        content = file.read_bytes()
        is_wheel = file.suffix == ".whl"
        fields = {
            ":action": "file_upload",
            "protocol_version": "1",
            "metadata_version": "2.1",
            "name": release.name,
            "version": release.version,
            "filetype": "bdist_wheel" if is_wheel else "sdist",
            "pyversion": "py3" if is_wheel else "source",
            "sha256_digest": hashlib.sha256(content).hexdigest(),
            "content": (file.name, content),
        }
        body, content_type = encode_multipart_formdata(fields)
        path = urlsplit(self.upload_url).path
        return self.ask("POST", path, body, {"Content-Type": content_type})

    def publish(self, distributions: Distributions) -> None:
        """Upload a release, which has to succeed."""
        for file in distributions.files:
            answer = self.upload(file, distributions.release)
            assert answer.status == 200, answer

    def stored_files(self, release: Release) -> list[dict[str, Any]]:
        """Return a release's files as the management API knows them."""
        path = f"{self._managed(release)}/files"
        found: list[dict[str, Any]] = self.api("GET", path)["items"]
        return found

    def yank(self, release: Release, reason: str) -> None:
        """Yank a release with the management API."""
        self.api("POST", f"{self._managed(release)}/yank", {"reason": reason})

    def delete(self, release: Release) -> None:
        """Delete a release with the management API."""
        self.api("DELETE", self._managed(release))

    def set_status(self, name: str, status: str) -> None:
        """Archive or quarantine a project, or make it an active one again."""
        self.api("PATCH", self._package(name), {"status": status})

    def _managed(self, release: Release) -> str:
        return f"{self._package(release.name)}/versions/{quote(release.version, safe='')}"

    def _package(self, name: str) -> str:
        path = f"/packages/by-name/pypi/{ORGANIZATION}/{normalized(name)}"
        return f"/packages/{self.api('GET', path)['id']}"


def with_token(url: str, account: Account | None, username: str = "__token__") -> str:
    """Return a URL with a person's token in it, or of nobody as it is."""
    if account is None:
        return url
    scheme, rest = url.split("://")
    return f"{scheme}://{quote(username, safe='')}:{account.token}@{rest}"


def sha256(content: bytes) -> str:
    """Return the digest that pages and clients speak of."""
    return hashlib.sha256(content).hexdigest()
