from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from app import access
from app.access import Role
from app.auth import users
from app.auth.users import UserChanges
from app.models import (
    Grant,
    Membership,
    OrganizationRole,
    RepositoryRole,
    Team,
    TeamMember,
    TeamRole,
    User,
    Visibility,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.coherence import Coherence
    from tests.integration.access.world import World


def private_role(world: World, who: str) -> Role:
    return access.role_on(world.signed_in(who), world.repositories[Visibility.PRIVATE])


def test_the_highest_of_several_roles_wins(world: World) -> None:
    user = world.person("team_member")
    assert private_role(world, "team_member") is Role.DEVELOPER
    world.grant(user, RepositoryRole.READER)
    assert private_role(world, "team_member") is Role.DEVELOPER
    world.add_team("maintainers", user, TeamRole.MAINTAINER, None)
    assert private_role(world, "team_member") is Role.MAINTAINER
    Membership.objects(user=user.id).update(set__role=OrganizationRole.ADMIN)
    assert private_role(world, "team_member") is Role.ADMIN


def test_a_low_team_grant_does_not_lower_what_another_rule_gives(world: World) -> None:
    user = world.person("developer")
    world.join(user, OrganizationRole.MEMBER)
    world.add_team("readers", user, TeamRole.MAINTAINER, RepositoryRole.READER)
    assert private_role(world, "developer") is Role.DEVELOPER


def test_a_team_counts_for_members_of_the_organization_only(world: World) -> None:
    user = world.person("team_maintainer")
    Membership.objects(user=user.id).delete()
    assert private_role(world, "team_maintainer") is Role.NONE


def test_a_direct_grant_counts_for_those_outside_the_organization(world: World) -> None:
    assert Membership.objects(user=world.person("maintainer").id).first() is None
    assert private_role(world, "maintainer") is Role.MAINTAINER


def test_a_grant_on_one_repository_says_nothing_about_another(world: World) -> None:
    other = world.add_repository(Visibility.PRIVATE, name="other")
    for who in ("admin", "team_maintainer"):
        assert access.role_on(world.signed_in(who), other) is Role.NONE
    assert access.role_on(world.signed_in("organization_admin"), other) is Role.ADMIN


def test_an_organizations_admins_are_nobody_in_another(world: World) -> None:
    for who in ("organization_owner", "organization_admin", "member", "admin"):
        assert access.role_on(world.signed_in(who), world.foreign) is Role.NONE
    assert access.role_on(world.signed_in("platform_admin"), world.foreign) is Role.ADMIN


def revoke_grant(world: World) -> None:
    Grant.objects(grantee=world.person("developer").id).delete()


def lower_grant(world: World) -> None:
    Grant.objects(grantee=world.person("developer").id).update(set__role=RepositoryRole.READER)


def leave_team(world: World) -> None:
    TeamMember.objects(user=world.person("team_member").id).delete()


def drop_team_grant(world: World) -> None:
    team = Team.objects(organization=world.organization.id, slug="team-member").get()
    Grant.objects(grantee=team.id).delete()


def leave_organization(world: World) -> None:
    Membership.objects(user=world.person("organization_owner").id).delete()


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Something that takes a role away."""

    who: str
    change: Callable[[World], None]
    before: Role
    after: Role = Role.NONE


@pytest.mark.parametrize(
    "loss",
    [
        Loss(who="developer", change=revoke_grant, before=Role.DEVELOPER),
        Loss(who="developer", change=lower_grant, before=Role.DEVELOPER, after=Role.READER),
        Loss(who="team_member", change=leave_team, before=Role.DEVELOPER),
        Loss(who="team_member", change=drop_team_grant, before=Role.DEVELOPER),
        Loss(who="organization_owner", change=leave_organization, before=Role.ADMIN),
    ],
    ids=lambda loss: loss.change.__name__,
)
def test_a_change_is_seen_at_once(world: World, remembering: Coherence, loss: Loss) -> None:
    assert private_role(world, loss.who) is loss.before
    hits = remembering.hits
    assert private_role(world, loss.who) is loss.before
    assert remembering.hits == hits + 1
    remembering.change({f"org:{world.organization.id}"}, lambda: loss.change(world))
    assert private_role(world, loss.who) is loss.after


def test_a_role_in_memory_survives_what_happens_elsewhere(
    world: World, remembering: Coherence
) -> None:
    assert private_role(world, "developer") is Role.DEVELOPER
    remembering.change({f"org:{world.umbrella.id}"}, lambda: None)
    misses = remembering.misses
    assert private_role(world, "developer") is Role.DEVELOPER
    assert remembering.misses == misses


def test_a_demoted_platform_admin_has_what_else_they_hold(
    world: World, remembering: Coherence
) -> None:
    del remembering
    user = world.person("platform_admin")
    other = world.signed_in("developer")
    User.objects(id=other.user).update(set__is_platform_admin=True)
    assert private_role(world, "platform_admin") is Role.ADMIN
    users.update(world.signed_in("platform_admin"), user.id, UserChanges(is_platform_admin=False))
    user.reload()
    assert private_role(world, "platform_admin") is Role.NONE
