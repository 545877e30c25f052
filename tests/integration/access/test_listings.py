from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app import access
from app.access import Action
from app.auth.principal import TokenLimits
from app.models import Membership, RepositoryKind, Visibility
from tests.integration.access.world import PEOPLE

if TYPE_CHECKING:
    from tests.integration.access.world import World

EVERYBODY = ("anonymous", *PEOPLE)


def scopes(world: World) -> list[TokenLimits]:
    own, other = str(world.organization.id), str(world.umbrella.id)
    return [
        TokenLimits(),
        TokenLimits(protocols=frozenset({"npm"})),
        TokenLimits(protocols=frozenset({"npm", "cargo"})),
        TokenLimits(protocols=frozenset({"api"})),
        TokenLimits(actions=frozenset({"read"})),
        TokenLimits(actions=frozenset({"write"})),
        TokenLimits(organizations=frozenset({own})),
        TokenLimits(organizations=frozenset({other})),
        TokenLimits(packages=frozenset({"left-pad"})),
    ]


@pytest.fixture
def everything(world: World) -> list[access.RepositoryFacts]:
    """More repositories: of another protocol, and a proxy."""
    return [
        *world.repositories.values(),
        world.foreign,
        world.add_repository(Visibility.PRIVATE, protocol="cargo"),
        world.add_repository(Visibility.PUBLIC, name="mirror", kind=RepositoryKind.PROXY),
        world.add_repository(Visibility.INTERNAL, organization=world.umbrella),
    ]


def test_what_is_listed_is_what_may_be_read(
    world: World, everything: list[access.RepositoryFacts]
) -> None:
    wrong = []
    for who in EVERYBODY:
        for limits in scopes(world) if who != "anonymous" else [TokenLimits()]:
            principal = (
                world.signed_in(who) if limits == TokenLimits() else world.with_token(who, limits)
            )
            for door in (None, "api"):
                expected = {
                    one.id
                    for one in everything
                    if access.may(principal, Action.READ, one, door=door)
                }
                if access.readable_repository_ids(principal, door=door) != expected:
                    wrong.append((who, limits, door))
    assert wrong == []


def test_organizations_are_writable_where_something_may_be_published(
    world: World, everything: list[access.RepositoryFacts]
) -> None:
    wrong = []
    hosted = [one for one in everything if one.kind is RepositoryKind.HOSTED]
    administered = {
        "organization_admin": {world.organization.id},
        "organization_owner": {world.organization.id},
        "platform_admin": {world.organization.id, world.umbrella.id},
    }
    for who in EVERYBODY:
        for protocol in ("npm", "cargo", "pypi"):
            principal = world.signed_in(who)
            expected = administered.get(who, set()) | {
                one.organization_id
                for one in hosted
                if one.protocol == protocol and access.may(principal, Action.PUBLISH, one)
            }
            if access.organizations_writable_by(principal, protocol) != expected:
                wrong.append((who, protocol))
    assert wrong == []


def test_a_token_narrows_what_is_writable(world: World) -> None:
    own = world.organization.id
    # The last is limited to packages: those it may publish wherever its owner may.
    expected = [{own}, {own}, {own}, set(), set(), {own}, {own}, set(), {own}]
    found = [
        access.organizations_writable_by(world.with_token("developer", limits), "npm")
        for limits in scopes(world)
    ]
    assert found == expected


def test_who_left_the_organization_lists_nothing_by_its_teams(world: World) -> None:
    principal = world.signed_in("team_maintainer")
    private = world.repositories[Visibility.PRIVATE].id
    assert private in access.readable_repository_ids(principal)
    Membership.objects(user=principal.user).delete()
    assert private not in access.readable_repository_ids(principal)
    assert access.organizations_writable_by(principal, "npm") == frozenset()
