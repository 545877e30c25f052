"""What is revoked while a body arrives counts; and who may write nothing need not send it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from app.models import Package, Version
from tests.npm_wire import a_publish

if TYPE_CHECKING:
    from collections.abc import Callable

    from config.settings import Settings
    from tests.acme import Acme
    from tests.integration.protocols.npm.conftest import Npm
    from tests.world import World


class Body(io.RawIOBase):
    """A body in whose midst something happens."""

    def __init__(self, content: bytes, happening: Callable[[], None]) -> None:
        super().__init__()
        self._content = io.BytesIO(content)
        self._happening = happening

    def readable(self) -> bool:
        """It is."""
        return True

    def seek(self, _offset: int, _whence: int = 0, /) -> int:
        """Only to where it is: the client asks whether that works."""
        return self._content.tell()

    def tell(self) -> int:
        """Return how much was read."""
        return self._content.tell()

    def readinto(self, buffer: Any, /) -> int:
        """Read up to a KiB."""
        piece = self._content.read(min(len(buffer), 1024))
        if self._content.tell() == len(piece):
            self._happening()
        buffer[: len(piece)] = piece
        return len(piece)


@pytest.mark.parametrize("is_known", [True, False])
def test_a_token_that_is_revoked_while_its_body_arrives_publishes_nothing(
    npm: Npm, npm_as: Any, world: World, acme: Acme, *, is_known: bool
) -> None:
    if is_known:
        npm.published()
    developer = npm_as(acme.developer)
    body = a_publish("@acme/thing", "2.0.0").body()
    answer = developer.client.open(
        "/npm/@acme/thing",
        method="PUT",
        input_stream=Body(body, lambda: world.revoke_token(acme.developer)),
        headers=developer.headers,
        environ_overrides={"CONTENT_LENGTH": str(len(body))},
    )
    assert answer.status_code == 401
    with world.context():
        assert Version.objects(number="2.0.0").count() == 0


def test_a_grant_that_is_taken_back_while_a_body_arrives_counts(
    npm: Npm, npm_as: Any, world: World, acme: Acme
) -> None:
    npm.published()
    developer = npm_as(acme.developer)
    body = a_publish("@acme/thing", "2.0.0").body()
    answer = developer.client.open(
        "/npm/@acme/thing",
        method="PUT",
        input_stream=Body(body, lambda: world.revoke(acme.repository, acme.owner, acme.developer)),
        headers=developer.headers,
        environ_overrides={"CONTENT_LENGTH": str(len(body))},
    )
    assert answer.status_code in {403, 404}
    with world.context():
        assert Version.objects(number="2.0.0").count() == 0


def test_a_readers_tarball_is_refused_before_it_is_taken_in(
    npm: Npm, npm_as: Any, acme: Acme, settings: Settings
) -> None:
    npm.published()
    reader = npm_as(acme.reader)
    seen: list[int] = []
    body = a_publish("@acme/thing", "2.0.0").body() + b" " * 4_000_000
    stream = Body(body, lambda: seen.append(1))
    answer = reader.client.open(
        "/npm/@acme/thing",
        method="PUT",
        input_stream=stream,
        headers=reader.headers,
        environ_overrides={"CONTENT_LENGTH": str(len(body))},
    )
    assert answer.status_code == 403
    staging = settings.data_dir / "staging"
    assert [one for one in staging.rglob("*") if one.is_file()] == []


def test_a_reader_who_sends_too_much_is_told_that_they_may_not(
    npm: Npm, npm_as: Any, acme: Acme
) -> None:
    npm.published()
    document = b'{"name": "@acme/thing", "versions": {"1.0.0": {"readme": "%s"}}}' % (b"x" * 2**21)
    answer = npm_as(acme.reader).request("PUT", "@acme/thing", document)
    assert answer.status_code == 403


def test_a_reader_may_still_star(npm: Npm, npm_as: Any, acme: Acme, world: World) -> None:
    npm.published()
    document = b'{"name": "@acme/thing", "users": {"rita": true}}'
    assert npm_as(acme.reader).request("PUT", "@acme/thing", document).status_code == 201
    with world.context():
        assert Package.objects.get().starred_by == [acme.reader.user.id]
