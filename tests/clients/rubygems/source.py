"""The gem source itself, asked by hand."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.clients.registry import ORGANIZATION
from tests.clients.wire import Answer, Wire

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.registry import Account

ACME = f"/o/{ORGANIZATION}"
"""The prefix of the organization's scope."""


class Source(Wire):
    """The gems that one person, or nobody, sees below one prefix.

    Attributes:
        base: its address, which ends with a slash, without credentials.
    """

    def __init__(self, origin: str, account: Account | None, prefix: str = ACME) -> None:
        super().__init__(origin, account)
        self.origin = origin
        self.account = account
        self.path = f"{prefix}/rubygems"
        self.base = f"{origin}{self.path}/"

    @property
    def host(self) -> str:
        """The address as ``gem push --host`` takes it."""
        return self.base.removesuffix("/")

    @property
    def signed_in(self) -> str:
        """The address with the person's name and token in it."""
        if self.account is None:
            return self.base
        return with_user(self.base, self.account.username, self.account.token)

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        """Read what is below the address."""
        return self.ask("GET", f"{self.path}/{path}", headers=headers)

    def push(self, file: Path) -> Answer:
        """Push a gem."""
        headers = {"Content-Type": "application/octet-stream"}
        return self.ask("POST", f"{self.path}/api/v1/gems", file.read_bytes(), headers)

    def versions(self, name: str) -> list[str]:
        """Return the lines of a gem in ``versions``, without its name."""
        return [line.partition(" ")[2] for line in self._lines("versions") if _is_of(name, line)]

    def info(self, name: str) -> list[str]:
        """Return the lines of ``info`` of a gem."""
        return self._lines(f"info/{name}")

    def _lines(self, path: str) -> list[str]:
        answer = self.get(path)
        assert answer.status == 200, answer
        require_digests(answer)
        _, _, body = answer.body.decode().partition("---\n")
        return body.splitlines()


def require_digests(answer: Answer) -> None:
    """Assert that the digests in the headers are those of the whole body."""
    sha256 = base64.b64encode(hashlib.sha256(answer.body).digest()).decode()
    assert answer.headers["repr-digest"] == f"sha-256=:{sha256}:"
    md5 = hashlib.md5(answer.body, usedforsecurity=False).hexdigest()
    assert answer.headers["etag"] == f'"{md5}"'


def with_user(url: str, username: str, password: str) -> str:
    """Return a URL with credentials in it, as gem and Bundler want them escaped."""
    scheme, rest = url.split("://")
    return f"{scheme}://{quote(username, safe='')}:{quote(password, safe='')}@{rest}"


def _is_of(name: str, line: str) -> bool:
    return line.partition(" ")[0] == name
