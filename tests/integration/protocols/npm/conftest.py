"""An organization with a maintainer, a developer and a reader, and npm spoken to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.acme import make_acme
from tests.npm_wire import a_publish

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.acme import Acme
    from tests.npm_wire import PublishDocument
    from tests.world import Person, World


@dataclass
class Npm:
    """npm's requests as one caller, in one scope.

    Attributes:
        scope: what stands before ``/npm/``: empty, ``/o/acme``, ``/r/acme/npm``.
    """

    client: FlaskClient
    headers: dict[str, str]
    scope: str = ""

    def request(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> TestResponse:
        """Send a request below the registry's URL; Content-Length may be a lie."""
        announced = headers.pop("Content-Length", None)
        return self.client.open(
            f"{self.scope}/npm/{path}",
            method=method,
            data=body,
            headers={**self.headers, **headers},
            content_type="application/json" if body is not None else None,
            environ_overrides={"CONTENT_LENGTH": announced} if announced else None,
        )

    def get(self, path: str, **headers: str) -> TestResponse:
        """Read."""
        return self.request("GET", path, **headers)

    def publish(self, document: PublishDocument) -> TestResponse:
        """Publish a version."""
        return self.request("PUT", document.name, document.body())

    def published(
        self, name: str = "@acme/thing", version: str = "1.0.0", **more: Any
    ) -> PublishDocument:
        """Publish a version that is fine, and say what was sent."""
        document = a_publish(name, version, **more)
        answer = self.publish(document)
        assert answer.status_code == 201, answer.get_data()
        return document

    def packument(self, name: str = "@acme/thing") -> dict[str, Any]:
        """Read the full packument, which has to be there."""
        answer = self.get(name)
        assert answer.status_code == 200, answer.get_data()
        found: dict[str, Any] = answer.get_json()
        return found


@pytest.fixture
def acme(world: World) -> Acme:
    """An organization ``acme`` with one person for each role in its repository ``npm``."""
    return make_acme(world, "npm")


@pytest.fixture
def npm_as(world: World) -> Any:
    """Speak npm as somebody; as nobody without a person."""

    def speak(person: Person | None = None, scope: str = "") -> Npm:
        return Npm(world.app.test_client(), person.bearer if person else {}, scope)

    return speak


@pytest.fixture
def npm(npm_as: Any, acme: Acme) -> Npm:
    """Speak npm as the maintainer, at the platform scope."""
    found: Npm = npm_as(acme.maintainer)
    return found
