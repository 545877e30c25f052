"""How many requests package managers may send, for metadata and for downloads."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest

from app.models import OrganizationRole
from tests.integration.protocols.oci.conftest import Oci, an_image, sha256
from tests.npm_wire import a_publish

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from config.settings import Settings
    from tests.world import Person, World

MOST = 3
EXEMPT = "10.0.0.1"
HERE = "192.0.2.1"
ELSEWHERE = "203.0.113.9"
LAYER = b"a small layer"
LIMIT_SECONDS = 10


def npm_error(answer: TestResponse) -> str:
    assert list(answer.get_json()) == ["error"]
    return str(answer.get_json()["error"])


def oci_error(answer: TestResponse) -> str:
    (error,) = answer.get_json()["errors"]
    assert error["code"] == "TOOMANYREQUESTS"
    assert answer.headers["Docker-Distribution-API-Version"] == "registry/2.0"
    return str(error["message"])


@dataclass(frozen=True, kw_only=True)
class Read:
    """One request for metadata, or for an artifact; ``error_of`` reads the client's own form."""

    path: str
    what: str
    error_of: Callable[[TestResponse], str]

    def __str__(self) -> str:
        return f"{self.error_of.__name__[:3]} {self.what}"


PACKUMENT = Read(path="/npm/@acme/thing", what="metadata", error_of=npm_error)
TARBALL = Read(path="/npm/@acme/thing/-/thing-1.0.0.tgz", what="downloads", error_of=npm_error)
MANIFEST = Read(path="/v2/acme/app/manifests/1", what="metadata", error_of=oci_error)
BLOB = Read(path=f"/v2/acme/app/blobs/{sha256(LAYER)}", what="downloads", error_of=oci_error)
READS = (PACKUMENT, TARBALL, MANIFEST, BLOB)
OTHER = {PACKUMENT: TARBALL, TARBALL: PACKUMENT, MANIFEST: BLOB, BLOB: MANIFEST}


@pytest.fixture
def limits() -> dict[str, Any]:
    """What the registry is told."""
    return {
        "rate_limit_metadata": MOST,
        "rate_limit_downloads": MOST,
        "rate_limit_exempt_networks": (ip_network(f"{EXEMPT}/32"),),
    }


@pytest.fixture
def settings(settings: Settings, limits: dict[str, Any]) -> Settings:
    return settings.model_copy(update=limits)


@pytest.fixture
def olivia(world: World) -> Person:
    """The owner of an organization with a package and an image, pushed where nobody counts."""
    olivia = world.person("olivia")
    world.organization("acme", olivia)
    client = world.app.test_client()
    client.environ_base["REMOTE_ADDR"] = EXEMPT
    published = client.put(
        "/npm/@acme/thing", data=a_publish("@acme/thing").body(), headers=olivia.bearer
    )
    assert published.status_code == 201
    Oci(client, basic(olivia)).push(an_image(LAYER), "1")
    return olivia


def basic(person: Person) -> dict[str, str]:
    encoded = base64.b64encode(f"token:{person.token}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


def send(
    app: Flask, read: Read, person: Person | None, address: str = HERE, method: str = "GET"
) -> TestResponse:
    client: FlaskClient = app.test_client()
    return client.open(
        read.path,
        method=method,
        headers={} if person is None else basic(person),
        environ_overrides={"REMOTE_ADDR": address},
    )


def left(answer: TestResponse, read: Read) -> int:
    """Return what an answer says is left."""
    assert answer.headers["RateLimit-Policy"] == f'"{read.what}";q={MOST};w=60'
    name, remaining, seconds = answer.headers["RateLimit"].split(";")
    assert name == f'"{read.what}"'
    assert 0 < int(seconds.removeprefix("t=")) <= 60
    return int(remaining.removeprefix("r="))


def make_hot(app: Flask, read: Read, person: Person) -> None:
    """Read where nobody counts until the answer comes from memory."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        before = hits(app)
        send(app, read, person, EXEMPT)
        if hits(app) == before + 1:
            return
    raise AssertionError("nothing was answered from memory")


def hits(app: Flask) -> int:
    coherence: Any = app.extensions["packhouse.coherence"]
    return int(coherence.hits)


def assert_refused(answer: TestResponse, read: Read) -> None:
    assert answer.status_code == 429
    assert left(answer, read) == 0
    seconds = answer.headers["Retry-After"]
    assert 0 < int(seconds) <= 60 / MOST
    sentence = f"Too many requests for {read.what}. Try again in {seconds} seconds."
    assert read.error_of(answer) == sentence


@pytest.mark.parametrize("read", READS, ids=str)
def test_who_asks_too_often_is_told_so_in_the_clients_own_form(
    app: Flask, olivia: Person, world: World, read: Read
) -> None:
    oscar = world.person("oscar")
    world.member("acme", olivia, oscar, OrganizationRole.ADMIN)
    answers = [send(app, read, olivia) for _ in range(MOST)]
    assert [one.status_code for one in answers] == [200] * MOST
    assert [left(one, read) for one in answers] == [2, 1, 0]
    assert_refused(send(app, read, olivia), read)
    assert_refused(send(app, read, olivia, ELSEWHERE), read)
    assert left(send(app, read, oscar), read) == 2
    other = OTHER[read]
    assert left(send(app, other, olivia), other) == 2


@pytest.mark.parametrize("read", READS, ids=str)
def test_answers_from_memory_are_counted_as_well(app: Flask, olivia: Person, read: Read) -> None:
    make_hot(app, read, olivia)
    before = hits(app)
    answers = [send(app, read, olivia) for _ in range(MOST)]
    assert hits(app) == before + MOST
    assert [left(one, read) for one in answers] == [2, 1, 0]
    assert_refused(send(app, read, olivia), read)
    assert send(app, read, olivia, method="HEAD").status_code == 429


@pytest.mark.parametrize("read", READS, ids=str)
def test_who_is_not_signed_in_is_counted_by_the_address(
    app: Flask, olivia: Person, read: Read
) -> None:
    answers = [send(app, read, None) for _ in range(MOST)]
    assert [one.status_code for one in answers] == [401] * MOST
    assert_refused(send(app, read, None), read)
    assert send(app, read, None, ELSEWHERE).status_code == 401
    assert left(send(app, read, olivia), read) == 2


@pytest.mark.parametrize("read", READS, ids=str)
def test_wrong_credentials_count_against_the_address_and_never_against_their_owner(
    app: Flask, olivia: Person, world: World, read: Read
) -> None:
    revoked = world.with_token(olivia.user)
    world.revoke_token(revoked)
    assert [send(app, read, revoked).status_code for _ in range(MOST)] == [401] * MOST
    assert_refused(send(app, read, revoked), read)
    assert left(send(app, read, olivia), read) == 2


@pytest.mark.parametrize("read", READS, ids=str)
def test_exempt_networks_are_not_counted(app: Flask, olivia: Person, read: Read) -> None:
    answers = [send(app, read, olivia, EXEMPT) for _ in range(MOST + 1)]
    assert [one.status_code for one in answers] == [200] * (MOST + 1)
    assert not any("RateLimit" in one.headers for one in answers)
    assert left(send(app, read, olivia), read) == 2


def test_publishing_is_counted_with_metadata(app: Flask, olivia: Person) -> None:
    body = a_publish("@acme/thing", "1.0.1").body()
    answer = app.test_client().put("/npm/@acme/thing", data=body, headers=olivia.bearer)
    assert (answer.status_code, left(answer, PACKUMENT)) == (201, 2)


@pytest.mark.parametrize("limits", [{}], ids=["defaults"])
@pytest.mark.parametrize("read", READS, ids=str)
def test_a_farm_of_build_machines_is_not_limited_unless_asked_for(
    app: Flask, olivia: Person, read: Read
) -> None:
    make_hot(app, read, olivia)
    for _ in range(1000):
        answer = send(app, read, olivia)
        assert answer.status_code == 200
        assert "RateLimit" not in answer.headers
