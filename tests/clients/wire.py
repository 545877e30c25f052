"""The registry itself, asked by hand: what clients say and do is compared with it."""

from __future__ import annotations

import http.client
import json
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from tests.clients.registry import Account

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

    def api(self, method: str, path: str, content: dict[str, Any] | None = None) -> Any:
        """Send one request to the management API, which has to succeed."""
        body = None if content is None else json.dumps(content).encode()
        answer = self.ask(method, f"/api/v1{path}", body, {"Content-Type": "application/json"})
        assert answer.status < 300, answer
        return answer.json() if answer.body else None


def basic(username: str, password: str) -> str:
    """Return the header of a person who sends name and password."""
    return f"Basic {b64encode(f'{username}:{password}'.encode()).decode()}"
