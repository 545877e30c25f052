"""By which addresses gem and Bundler find the source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.certificates import self_signed
from tests.clients.recorder import recording
from tests.clients.rubygems.desk import Desk
from tests.clients.rubygems.installed import releases
from tests.clients.rubygems.source import Source, with_user

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.registry import People, Registry
    from tests.clients.rubygems.author import Author

pytestmark = pytest.mark.client

PREFIXES = [
    *("", "/rubygems"),
    *("/o/acme", "/o/acme/rubygems"),
    *("/r/acme/rubygems", "/r/acme/rubygems/rubygems"),
]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_each_scope_is_a_source(
    tmp_path: Path, registry: Registry, author: Author, prefix: str
) -> None:
    desk = Desk(tmp_path / "desk", releases()[-1])
    host = registry.origin + prefix
    alice = registry.people.alice
    desk.remember({host: alice.token})
    desk.push(author.build("1.0.0").file, host)
    source = with_user(host, alice.username, alice.token)
    desk.install(source, author.name)
    assert desk.installed(author.name) == ["1.0.0"]
    app = desk.app(f"{source}/", author.name)
    desk.bundle(app, "lock")
    assert f"{author.name} (1.0.0)" in (app / "Gemfile.lock").read_text()


def test_every_gem_installs_from_the_root(desk: Desk, registry: Registry, author: Author) -> None:
    author.publish("1.0.0")
    bob = registry.people.bob
    desk.install(with_user(f"{registry.origin}/", bob.username, bob.token), author.name)
    assert desk.installed(author.name) == ["1.0.0"]


def test_gems_are_installed_over_tls(
    desk: Desk, registry: Registry, people: People, author: Author, tmp_path: Path
) -> None:
    author.publish("1.0.0")
    certificate = self_signed(tmp_path)
    desk.machine.environment["SSL_CERT_FILE"] = str(certificate.certificate)
    with recording(registry.origin, certificate) as proxy:
        source = Source(proxy.origin, people.bob)
        desk.install(source.signed_in, author.name)
        app = desk.app(source.signed_in, author.name)
        desk.bundle(app, "lock")
    assert desk.installed(author.name) == ["1.0.0"]
    assert f"{author.name} (1.0.0)" in (app / "Gemfile.lock").read_text()
