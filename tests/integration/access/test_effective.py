from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app import access
from app.access import Reason, Role, Rule
from app.models import OrganizationRole, RepositoryRole, TeamRole, Visibility

if TYPE_CHECKING:
    from tests.integration.access.world import World


@pytest.mark.parametrize(
    ("who", "visibility", "reasons"),
    [
        ("anonymous", Visibility.PRIVATE, ()),
        ("anonymous", Visibility.PUBLIC, (Reason(rule=Rule.PUBLIC, role=Role.READER),)),
        ("member", Visibility.PRIVATE, ()),
        ("stranger", Visibility.INTERNAL, (Reason(rule=Rule.INTERNAL, role=Role.READER),)),
        ("developer", Visibility.PRIVATE, (Reason(rule=Rule.GRANT, role=Role.DEVELOPER),)),
        (
            "developer",
            Visibility.PUBLIC,
            (
                Reason(rule=Rule.GRANT, role=Role.DEVELOPER),
                Reason(rule=Rule.PUBLIC, role=Role.READER),
            ),
        ),
        (
            "team_maintainer",
            Visibility.PRIVATE,
            (Reason(rule=Rule.TEAM, role=Role.MAINTAINER, team="team-maintainer"),),
        ),
        (
            "team_member_lowered_to_reader",
            Visibility.PRIVATE,
            (Reason(rule=Rule.TEAM, role=Role.READER, team="team-member-lowered-to-reader"),),
        ),
        (
            "organization_admin",
            Visibility.PRIVATE,
            (Reason(rule=Rule.ORGANIZATION_ADMIN, role=Role.ADMIN),),
        ),
        (
            "organization_owner",
            Visibility.PRIVATE,
            (Reason(rule=Rule.ORGANIZATION_OWNER, role=Role.ADMIN),),
        ),
        (
            "platform_admin",
            Visibility.PRIVATE,
            (Reason(rule=Rule.PLATFORM_ADMIN, role=Role.ADMIN),),
        ),
    ],
)
def test_each_rule_says_what_it_gives(
    world: World, who: str, visibility: Visibility, reasons: tuple[Reason, ...]
) -> None:
    explained = access.effective_role(world.signed_in(who), world.repositories[visibility])
    assert explained.reasons == reasons
    assert explained.role is (reasons[0].role if reasons else Role.NONE)


def test_all_that_gives_a_role_is_named_the_strongest_first(world: World) -> None:
    user = world.person("reader")
    world.join(user, OrganizationRole.MEMBER)
    world.add_team("builders", user, TeamRole.MEMBER, None)
    world.add_team("keepers", user, TeamRole.MAINTAINER, RepositoryRole.ADMIN)
    explained = access.effective_role(
        world.signed_in("reader"), world.repositories[Visibility.INTERNAL]
    )
    assert explained.role is Role.MAINTAINER
    assert [(one.rule, one.role, one.team) for one in explained.reasons] == [
        (Rule.TEAM, Role.MAINTAINER, "keepers"),
        (Rule.TEAM, Role.DEVELOPER, "builders"),
        (Rule.INTERNAL, Role.READER, ""),
        (Rule.GRANT, Role.READER, ""),
    ]
