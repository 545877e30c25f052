"""An organization with a maintainer, a developer and a reader, and PyPI spoken to it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.acme import make_acme
from tests.distributions import a_wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.acme import Acme
    from tests.distributions import Distribution
    from tests.world import Person, World

JSON = "application/vnd.pypi.simple.v1+json"
ORIGIN = "http://localhost"


@dataclass
class Pypi:
    """A Python client's requests as one caller, in one scope.

    Attributes:
        scope: what stands before ``/pypi/``: empty, ``/o/acme``, ``/r/acme/pypi``.
    """

    client: FlaskClient
    headers: dict[str, str]
    scope: str = ""

    def get(self, path: str, **headers: str) -> TestResponse:
        """Read below the repository's URL."""
        sent = {**self.headers, **{name.replace("_", "-"): one for name, one in headers.items()}}
        return self.client.get(f"{self.scope}/pypi/{path}", headers=sent)

    def upload(self, one: Distribution, **changes: Any) -> TestResponse:
        """Upload a file as twine does."""
        return self.post(one.form(**changes))

    def post(self, form: dict[str, Any], path: str = "legacy/") -> TestResponse:
        """Send a form."""
        return self.client.post(
            f"{self.scope}/pypi/{path}",
            data=form,
            headers=self.headers,
            content_type="multipart/form-data",
        )

    def uploaded(self, *given: Any, **more: Any) -> Distribution:
        """Upload a wheel that is fine, and say what was sent."""
        wheel = a_wheel(*given, **more)
        answer = self.upload(wheel)
        assert answer.status_code == 200, answer.get_data()
        assert answer.get_data() == b""
        return wheel

    def page(self, name: str = "my-pkg") -> dict[str, Any]:
        """Read a project's page as JSON, which has to be there."""
        answer = self.get(f"simple/{name}/", Accept=JSON)
        assert answer.status_code == 200, answer.get_data()
        found: dict[str, Any] = answer.get_json(force=True)
        return found

    def files(self, name: str = "my-pkg") -> dict[str, dict[str, Any]]:
        """Return what a project's page says of each file."""
        return {one["filename"]: one for one in self.page(name)["files"]}

    def download(self, url: str, **headers: str) -> TestResponse:
        """Fetch a URL that a page gave."""
        assert url.startswith(ORIGIN)
        return self.client.get(url.removeprefix(ORIGIN), headers={**self.headers, **headers})


@pytest.fixture
def acme(world: World) -> Acme:
    """An organization ``acme`` with one person for each role in its repository ``pypi``."""
    return make_acme(world, "pypi")


def basic(username: str, secret: str) -> dict[str, str]:
    """Return the header of Basic credentials."""
    encoded = base64.b64encode(f"{username}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


@pytest.fixture
def pypi_as(world: World) -> Callable[..., Pypi]:
    """Speak as somebody; as nobody without a person."""

    def speak(person: Person | None = None, scope: str = "/o/acme") -> Pypi:
        headers = basic("__token__", person.token) if person else {}
        return Pypi(world.app.test_client(), headers, scope)

    return speak


@pytest.fixture
def pypi(pypi_as: Callable[..., Pypi], acme: Acme) -> Pypi:
    """Speak as the developer, in the organization's scope."""
    return pypi_as(acme.developer)
