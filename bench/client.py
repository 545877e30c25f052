"""A small HTTP client: keeps its connection, and holds no body that it need not hold."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bench.packages import MIB

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType
    from typing import Self

_TIMEOUT_SECONDS = 120


class Unexpected(Exception):
    """A server did not answer as every row of the table needs."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A whole answer. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One connection to one server.

    Attributes:
        base_path: what every path begins with on the wire.
    """

    def __init__(self, base_url: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(base_url)
        self.base_path = parts.path
        self._headers = dict(headers)
        self._connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=_TIMEOUT_SECONDS
        )
        self._scratch = memoryview(bytearray(MIB))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Return the answer to one request; ``path`` is appended to the base URL's."""
        self._begin(method, path, body, headers)
        response = self._connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Reply(status=response.status, headers=names, body=response.read())

    def put(
        self,
        path: str,
        body: bytes | Iterable[bytes],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Upload.

        Raises:
            Unexpected: it was not accepted.
        """
        reply = self.ask("PUT", path, body, {"Content-Type": "application/json", **(headers or {})})
        if reply.status not in {200, 201, 204}:
            raise Unexpected(f"PUT {path} was answered {reply.status}: {reply.body[:200]!r}")

    def download(self, path: str, headers: Mapping[str, str] | None = None) -> int:
        """Read an answer and forget it; returns its size in bytes.

        Raises:
            Unexpected: it is no 200.
        """
        self._begin("GET", path, None, headers)
        response = self._connection.getresponse()
        size_bytes = 0
        while received := response.readinto(self._scratch):
            size_bytes += received
        if response.status != http.client.OK:
            raise Unexpected(f"GET {path} was answered {response.status}")
        return size_bytes

    def _begin(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None,
        headers: Mapping[str, str] | None,
    ) -> None:
        self._connection.request(
            method, self.base_path + path, body, {**self._headers, **(headers or {})}
        )
