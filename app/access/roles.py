"""The role ladder and the actions on it (DESIGN, "Identity"; API, "Roles")."""

from __future__ import annotations

from enum import IntEnum, StrEnum

from app.models import RepositoryRole


class Role(IntEnum):
    """What somebody may do in one repository; each includes those below it."""

    NONE = 0
    READER = 1
    DEVELOPER = 2
    MAINTAINER = 3
    ADMIN = 4

    @classmethod
    def named(cls, role: RepositoryRole) -> Role:
        """Return the step of the ladder for a granted role."""
        return cls[role.name]


class Action(StrEnum):
    """What somebody wants to do to a repository or something in it."""

    READ = "read"
    PUBLISH = "publish"  # new versions, tags
    MAINTAIN = "maintain"  # yank, deprecate, owners
    DELETE = "delete"  # unpublish, delete
    INSPECT = "inspect"  # see the grants
    ADMINISTER = "administer"  # change settings and grants
    REMOVE = "remove"  # the repository itself, or a grant

    @property
    def needed_role(self) -> Role:
        """The least role that may."""
        return _NEEDED[self]

    @property
    def token_action(self) -> str:
        """The action that an API token must not be barred from."""
        return _TOKEN_ACTION[self]


_NEEDED = {
    Action.READ: Role.READER,
    Action.PUBLISH: Role.DEVELOPER,
    Action.MAINTAIN: Role.MAINTAINER,
    Action.DELETE: Role.MAINTAINER,
    Action.INSPECT: Role.ADMIN,
    Action.ADMINISTER: Role.ADMIN,
    Action.REMOVE: Role.ADMIN,
}
_TOKEN_ACTION = {
    Action.READ: "read",
    Action.PUBLISH: "write",
    Action.MAINTAIN: "write",
    Action.DELETE: "delete",
    Action.INSPECT: "read",
    Action.ADMINISTER: "write",
    Action.REMOVE: "delete",
}
