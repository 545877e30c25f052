"""An organization with a maintainer, a developer and a reader, and gems pushed to it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.acme import make_acme
from tests.gem_files import a_gem

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.acme import Acme
    from tests.gem_files import Gem
    from tests.world import Person, World


@dataclass
class Gems:
    """A Ruby client's requests as one caller, in one scope.

    Attributes:
        token: as ``gem`` sends it to push, bare; bundler sends it as Basic.
        scope: what stands before ``/rubygems/``.
    """

    client: FlaskClient
    token: str = ""
    scope: str = "/o/acme"

    @property
    def headers(self) -> dict[str, str]:
        """What bundler sends."""
        if not self.token:
            return {}
        encoded = base64.b64encode(f"bob:{self.token}".encode()).decode()
        return {"Authorization": f"Basic {encoded}"}

    def request(self, method: str, path: str, **more: Any) -> TestResponse:
        """Send a request below the source's URL, with the bare token."""
        headers = {"Authorization": self.token} if self.token else {}
        return self.client.open(
            f"{self.scope}/rubygems/{path}",
            method=method,
            **{**more, "headers": {**headers, **more.get("headers", {})}},
        )

    def get(self, path: str, **headers: str) -> TestResponse:
        """Read, as bundler does."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(f"{self.scope}/rubygems/{path}", headers={**self.headers, **sent})

    def push(self, gem: Gem) -> TestResponse:
        """Push a gem, as ``gem push`` does."""
        return self.request(
            "POST", "api/v1/gems", data=gem.body, content_type="application/octet-stream"
        )

    def pushed(self, *given: Any, **more: Any) -> Gem:
        """Push a gem that is fine, and say what was sent."""
        gem = a_gem(*given, **more)
        answer = self.push(gem)
        assert answer.status_code == 200, answer.get_data()
        shown = f"{gem.name} ({gem.number})"
        assert answer.get_data(as_text=True) == f"Successfully registered gem: {shown}"
        return gem

    def yank(self, name: str, version: str, **more: str) -> TestResponse:
        """Yank a version, as ``gem yank`` does: with a form in a DELETE."""
        return self.request(
            "DELETE",
            "api/v1/gems/yank",
            data={"gem_name": name, "version": version, **more},
            content_type="application/x-www-form-urlencoded",
        )

    def text(self, path: str) -> str:
        """Read a text that has to be there."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.get_data()
        return answer.get_data(as_text=True)


@pytest.fixture
def acme(world: World) -> Acme:
    """An organization ``acme`` with one person for each role in its repository ``rubygems``."""
    return make_acme(world, "rubygems")


@pytest.fixture
def gems_as(world: World) -> Callable[..., Gems]:
    """Speak as somebody; as nobody without a person."""

    def speak(person: Person | None = None, scope: str = "/o/acme") -> Gems:
        return Gems(world.app.test_client(), person.token if person else "", scope)

    return speak


@pytest.fixture
def gems(gems_as: Callable[..., Gems], acme: Acme) -> Gems:
    """Speak as the maintainer, in the organization's scope."""
    return gems_as(acme.maintainer)
