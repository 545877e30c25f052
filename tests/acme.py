"""The organization that the tests of every format have, with one person for each role in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.models import RepositoryRole
from app.registry.scopes import Scope, ScopeKind

if TYPE_CHECKING:
    from tests.world import Person, World


@dataclass(frozen=True, kw_only=True)
class Acme:
    """The people of an organization with one private repository.

    Attributes:
        repository: its id.
    """

    owner: Person
    maintainer: Person
    developer: Person
    reader: Person
    outsider: Person
    repository: str


def make_acme(world: World, protocol: str) -> Acme:
    """Make the organization ``acme``, and a repository of a format that is named like it."""
    owner = world.person("olivia")
    world.organization("acme", owner)
    repository = world.repository("acme", owner, protocol, protocol=protocol)
    people = {}
    for username, role in (
        ("mallory", RepositoryRole.MAINTAINER),
        ("dave", RepositoryRole.DEVELOPER),
        ("rita", RepositoryRole.READER),
    ):
        people[role] = world.person(username)
        world.grant(repository, owner, people[role], role)
    return Acme(
        owner=owner,
        maintainer=people[RepositoryRole.MAINTAINER],
        developer=people[RepositoryRole.DEVELOPER],
        reader=people[RepositoryRole.READER],
        outsider=world.person("oscar"),
        repository=repository,
    )


def acme_scope(protocol: str, repository: str = "") -> Scope:
    """Return the scope of the organization ``acme``, or of one of its repositories."""
    below = f"r/acme/{repository}" if repository else "o/acme"
    return Scope(
        kind=ScopeKind.REPOSITORY if repository else ScopeKind.ORGANIZATION,
        organization="acme",
        repository=repository,
        protocol=protocol,
        prefix=f"/{below}/{protocol}/",
        origin="http://registry.test",
    )
