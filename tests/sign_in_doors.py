"""Every request that takes a password, for tests that try one after the other."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

FORM = "application/x-www-form-urlencoded"
PROXY = "127.0.0.1"  # where the test client stands; the tests trust it
REQUEST_ID = "the-same-in-every-request"


@dataclass(frozen=True, kw_only=True)
class Door:
    """One of them; ``welcome`` is the status that a right password gets."""

    name: str
    method: str
    welcome: int
    request: Callable[[str, str], dict[str, Any]]

    def __str__(self) -> str:
        return self.name

    def knock(
        self, client: FlaskClient, identifier: str, password: str, address: str
    ) -> TestResponse:
        """Send it, from an address that a trusted proxy tells."""
        request = self.request(identifier, password)
        request.setdefault("headers", {}).update(
            {"X-Forwarded-For": address, "X-Request-Id": REQUEST_ID}
        )
        return client.open(method=self.method, environ_overrides={"REMOTE_ADDR": PROXY}, **request)


def _json(path: str, **body: str) -> dict[str, Any]:
    return {"path": path, "data": json.dumps(body), "content_type": "application/json"}


def _form(path: str, **body: str) -> dict[str, Any]:
    return {"path": path, "data": urlencode(body), "content_type": FORM}


def _basic(path: str, identifier: str, password: str) -> dict[str, Any]:
    encoded = base64.b64encode(f"{identifier}:{password}".encode()).decode()
    return {"path": path, "headers": {"Authorization": f"Basic {encoded}"}}


DOORS = (
    Door(
        name="management API",
        method="POST",
        welcome=200,
        request=lambda identifier, password: _json(
            "/api/v1/auth/login", username=identifier, password=password
        ),
    ),
    Door(
        name="npm with Basic",
        method="GET",
        welcome=200,
        request=lambda identifier, password: _basic("/npm/-/whoami", identifier, password),
    ),
    Door(
        name="npm login",
        method="PUT",
        welcome=201,
        request=lambda identifier, password: _json(
            f"/npm/-/user/org.couchdb.user:{identifier}", name=identifier, password=password
        ),
    ),
    Door(
        name="OCI token with Basic",
        method="GET",
        welcome=200,
        request=lambda identifier, password: _basic("/v2/token", identifier, password),
    ),
    Door(
        name="OCI token with OAuth 2",
        method="POST",
        welcome=200,
        request=lambda identifier, password: _form(
            "/v2/token", grant_type="password", username=identifier, password=password
        ),
    ),
    Door(
        name="page",
        method="POST",
        welcome=303,
        request=lambda identifier, password: _form(
            "/ui/sign-in", identifier=identifier, password=password
        ),
    ),
)
