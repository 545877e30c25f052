from __future__ import annotations

import pytest

from app.access import Action, Role
from app.models import RepositoryRole


def test_each_step_of_the_ladder_includes_those_below() -> None:
    assert Role.NONE < Role.READER < Role.DEVELOPER < Role.MAINTAINER < Role.ADMIN


@pytest.mark.parametrize(
    ("granted", "role"),
    [
        (RepositoryRole.READER, Role.READER),
        (RepositoryRole.DEVELOPER, Role.DEVELOPER),
        (RepositoryRole.MAINTAINER, Role.MAINTAINER),
        (RepositoryRole.ADMIN, Role.ADMIN),
    ],
)
def test_a_granted_role_is_a_step_of_the_ladder(granted: RepositoryRole, role: Role) -> None:
    assert Role.named(granted) is role


@pytest.mark.parametrize(
    ("action", "role", "token_action"),
    [
        (Action.READ, Role.READER, "read"),
        (Action.PUBLISH, Role.DEVELOPER, "write"),
        (Action.MAINTAIN, Role.MAINTAINER, "write"),
        (Action.DELETE, Role.MAINTAINER, "delete"),
        (Action.ADMINISTER, Role.ADMIN, "write"),
    ],
)
def test_each_action_needs_a_role_and_a_tokens_action(
    action: Action, role: Role, token_action: str
) -> None:
    assert action.needed_role is role
    assert action.token_action == token_action
