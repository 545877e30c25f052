"""A running registry, and the people who use it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app import create_app
from app.models import Advisory, RepositoryRole, Visibility, connection
from migrations.runner import migrate
from tests.live import LOOPBACK, live_server
from tests.world import PASSWORD, World

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from config.settings import Settings
    from tests.live import LiveServer
    from tests.world import Person

ORGANIZATION = "acme"
COMMONS = "commons"
"""Another organization, which shows all that it has to everybody."""
NOT_A_TOKEN = "srg_0000000000000000000000000000000000000000"  # noqa: S105  that is why
LEAKY = "@acme/leaky"
"""A package of which every version before 2.0.0 has a known vulnerability."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """What a person knows of themself."""

    username: str
    password: str = field(default=PASSWORD, repr=False)
    token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class People:
    """An organization and who stands around it.

    Attributes:
        olivia: owns the organization, and the commons.
        alice: maintains its repositories of packages.
        bob: may only read there.
        oscar: has an account, and no part in the organization.
        carol: has no part in it either, but for as long as a test gives her one.
    """

    olivia: Account
    alice: Account
    bob: Account
    oscar: Account
    carol: Account


@dataclass(frozen=True, kw_only=True)
class Registry:
    """One live server.

    Attributes:
        server: its processes.
        settings: what they run with.
    """

    server: LiveServer
    settings: Settings
    people: People

    @property
    def origin(self) -> str:
        """Return its URL without a slash at the end."""
        return self.server.url

    @property
    def base(self) -> str:
        """Return the npm registry of the organization, as clients have to write it."""
        return base_at(self.origin)


def base_at(origin: str) -> str:
    """Return the organization's npm registry under another origin, such as a proxy's."""
    return f"{origin}/o/{ORGANIZATION}/npm/"


@contextmanager
def running_registry(
    settings: Settings, log: Path, *, advisories: Sequence[Advisory] = ()
) -> Iterator[Registry]:
    """Serve a database of its own, with people and advisories, for as long as the block."""
    client = connection.connect(settings.mongodb_url, settings.mongodb_db)
    try:
        migrate(client[settings.mongodb_db])
        people = _settle(World(create_app(settings)))
        for advisory in advisories:
            advisory.save()
    finally:
        connection.disconnect()  # The tests themselves only speak to the server.
    with live_server(settings, log, workers=2) as server:
        assert server.url.startswith(f"http://{LOOPBACK}:")
        yield Registry(server=server, settings=settings, people=people)


def _settle(world: World) -> People:
    olivia, alice, bob, oscar, carol = map(
        world.person, ("olivia", "alice", "bob", "oscar", "carol")
    )
    world.organization(ORGANIZATION, olivia)
    for protocol in ("npm", "pypi", "rubygems"):
        repository = world.repository(ORGANIZATION, olivia, protocol, protocol=protocol)
        world.grant(repository, olivia, alice, RepositoryRole.MAINTAINER)
        world.grant(repository, olivia, bob, RepositoryRole.READER)
    world.organization(COMMONS, olivia)
    for protocol in ("pypi", "rubygems"):
        world.repository(COMMONS, olivia, protocol, protocol=protocol, visibility=Visibility.PUBLIC)
    return People(
        olivia=_account(olivia),
        alice=_account(alice),
        bob=_account(bob),
        oscar=_account(oscar),
        carol=_account(carol),
    )


def leak() -> Advisory:
    """Return what is known of ``LEAKY``."""
    return Advisory(
        protocol="npm",
        package=LEAKY,
        source_id="TEST-0001",
        number=1,
        title="Tells everybody everything",
        severity="high",
        vulnerable_versions="<2.0.0",
        patched_versions=">=2.0.0",
        url="https://advisories.test/TEST-0001",
        overview="It leaks.",
        cwe=["CWE-200"],
        cvss_score=7.5,
    )


def _account(person: Person) -> Account:
    return Account(username=person.user.username, token=person.token)
