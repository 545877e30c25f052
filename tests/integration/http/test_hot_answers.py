"""What is answered from memory before Flask, and what must not be."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from app.auth import password_changes, tokens
from app.auth.principal import ClientInfo
from app.auth.token_rules import TokenSpec
from app.http.addresses import Addresses
from app.http.hot_answers import HotAnswers
from app.models import Visibility
from tests.npm_wire import a_publish
from tests.world import PASSWORD

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.test import TestResponse

    from tests.world import Person, World

NAME = "@acme/thing"
LIMIT_SECONDS = 10


@pytest.fixture
def owner(world: World) -> Person:
    """The owner of an organization with one published package."""
    owner = world.person("olivia")
    world.organization("acme", owner)
    answer = world.app.test_client().put(
        f"/npm/{NAME}", data=a_publish(NAME).body(), headers=owner.bearer
    )
    assert answer.status_code == 201
    return owner


def read(
    app: Flask, authorization: str, address: str = "127.0.0.1", **headers: str
) -> TestResponse:
    """Read the package's document."""
    return app.test_client().get(
        f"/npm/{NAME}",
        headers={"Authorization": authorization, **headers},
        environ_overrides={"REMOTE_ADDR": address},
    )


def hits(app: Flask) -> int:
    """How often memory was used."""
    coherence: Any = app.extensions["packhouse.coherence"]
    return int(coherence.hits)


def read_hot(app: Flask, authorization: str) -> TestResponse:
    """Read the document until it comes from memory: that the fence is lifted comes late."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        before = hits(app)
        answer = read(app, authorization)
        if hits(app) - before == 1:
            return answer
    raise AssertionError("nothing was answered from memory")


def test_the_same_request_gets_the_same_bytes_from_memory(app: Flask, owner: Person) -> None:
    bearer = owner.bearer["Authorization"]
    first = read(app, bearer)
    again = read_hot(app, bearer)
    assert again.get_data() == first.get_data()
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]


def test_a_hot_answer_is_conditional_and_negotiated_too(app: Flask, owner: Person) -> None:
    bearer = owner.bearer["Authorization"]
    first = read(app, bearer)
    assert read(app, bearer, **{"If-None-Match": first.headers["ETag"]}).status_code == 304
    packed = read(app, bearer, **{"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    head = app.test_client().head(f"/npm/{NAME}", headers=owner.bearer)
    assert (head.status_code, head.get_data()) == (200, b"")
    assert head.headers["Content-Length"] == str(len(first.get_data()))


def test_what_a_client_makes_long_counts_and_is_not_kept_beyond_reason(
    app: Flask, owner: Person
) -> None:
    bearer = owner.bearer["Authorization"]
    read_hot(app, bearer)
    coherence: Any = app.extensions["packhouse.coherence"]

    def growth_by(accept: str) -> int:
        before = coherence.size_bytes
        assert read(app, bearer, Accept=accept).status_code == 200
        return int(coherence.size_bytes - before)

    short = growth_by("application/json")
    assert short > 0
    assert growth_by("application/json," + "a" * 1000) == short + 1001
    assert growth_by("application/json," + "a" * 4000) == 0


def requests_counted(app: Flask, status: int) -> float:
    """How many reads of packages the numbers tell."""
    label = f'packhouse_requests_total{{method="GET",protocol="npm",status="{status}"}} '
    numbers = app.test_client().get("/metrics").get_data(as_text=True)
    return sum(
        float(line.removeprefix(label)) for line in numbers.splitlines() if line.startswith(label)
    )


def test_a_hot_answer_is_counted_like_any_other(app: Flask, owner: Person) -> None:
    bearer = owner.bearer["Authorization"]
    etag = read_hot(app, bearer).headers["ETag"]
    for status, headers in ((200, {}), (304, {"If-None-Match": etag})):
        before, hits_before = requests_counted(app, status), hits(app)
        assert read(app, bearer, **headers).status_code == status
        assert hits(app) == hits_before + 1
        assert requests_counted(app, status) == before + 1


def test_a_hot_answer_is_logged_where_that_is_asked_for(app: Flask, owner: Person) -> None:
    bearer = owner.bearer["Authorization"]
    coherence: Any = app.extensions["packhouse.coherence"]
    read_hot(app, bearer)
    with capture_logs() as silent:
        read(app, bearer)
    addresses = Addresses("", ())
    app.wsgi_app = HotAnswers(  # type: ignore[method-assign]  # the documented way to wrap
        app.wsgi_app,
        coherence,
        addresses,
        app.extensions["packhouse.traffic"],
        app.extensions["packhouse.downloads"],
        enabled=True,
        logs=True,
    )
    with capture_logs() as logged:
        answer = read(app, bearer, "192.0.2.7")
    assert silent == []
    assert [(one["path"], one["status"], one["ip"], one["request_id"]) for one in logged] == [
        (f"/npm/{NAME}", 200, "192.0.2.7", answer.headers["X-Request-Id"])
    ]


def test_another_credential_is_decided_anew(app: Flask, owner: Person, world: World) -> None:
    read(app, owner.bearer["Authorization"])
    outsider = world.person("oscar")
    assert read(app, outsider.bearer["Authorization"]).status_code == 404
    assert app.test_client().get(f"/npm/{NAME}").status_code == 401


def test_a_revoked_token_gets_nothing_from_memory(app: Flask, owner: Person, world: World) -> None:
    bearer = owner.bearer["Authorization"]
    read(app, bearer)
    world.revoke_token(owner)
    assert read(app, bearer).status_code == 401


def test_a_token_for_one_network_is_refused_from_another(app: Flask, owner: Person) -> None:
    with app.app_context():
        spec = TokenSpec(name="office", networks=("10.0.0.0/8",))
        secret = tokens.create(owner.principal, spec).secret
    bearer = f"Bearer {secret}"
    for _ in range(2):
        assert read(app, bearer, "10.1.2.3").status_code == 200
    assert read(app, bearer, "192.0.2.1").status_code == 403


def test_an_old_password_gets_nothing_from_memory(app: Flask, owner: Person, world: World) -> None:
    del world
    basic = base64.b64encode(f"olivia:{PASSWORD}".encode()).decode()
    for _ in range(2):
        assert read(app, f"Basic {basic}").status_code == 200
    with app.app_context():
        password_changes.change_password(
            owner.principal, PASSWORD, "another long passphrase", ClientInfo(ip="127.0.0.1")
        )
    assert read(app, f"Basic {basic}").status_code == 401


def test_a_repository_that_becomes_private_is_private_at_once(
    app: Flask, owner: Person, world: World
) -> None:
    repository = world.repository("acme", owner, "open", visibility=Visibility.PUBLIC)
    client = app.test_client()
    url = "/r/acme/open/npm/@acme/open"
    assert (
        client.put(url, data=a_publish("@acme/open").body(), headers=owner.bearer).status_code
        == 201
    )
    for _ in range(2):
        assert client.get(url).status_code == 200
    answer = client.patch(
        f"/api/v1/repositories/{repository}", json={"visibility": "private"}, headers=owner.bearer
    )
    assert answer.status_code == 200, answer.get_data()
    assert client.get(url).status_code == 401
