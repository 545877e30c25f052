"""Who is calling, and how they proved it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from app import audit

if TYPE_CHECKING:
    from bson import ObjectId


class CredentialKind(StrEnum):
    """How the caller proved who they are."""

    NONE = "none"
    SESSION = "session"  # a JWT from a sign-in
    TOKEN = "token"  # noqa: S105  an API token, as Bearer or in Basic
    PASSWORD = "password"  # noqa: S105  Basic with a password
    OPERATOR = "operator"  # by running a command where the registry's secrets are


@dataclass(frozen=True, kw_only=True)
class TokenLimits:
    """What an API token is narrowed to; an empty set means no limit of that kind."""

    protocols: frozenset[str] = frozenset()
    actions: frozenset[str] = frozenset()
    organizations: frozenset[str] = frozenset()  # ids
    packages: frozenset[str] = frozenset()  # normal names

    @property
    def sole_organization(self) -> str | None:
        """The organization that the token is bound to, where there is exactly one."""
        return next(iter(self.organizations)) if len(self.organizations) == 1 else None


UNLIMITED = TokenLimits()


@dataclass(frozen=True, kw_only=True)
class Principal:
    """The caller of one request.

    Attributes:
        user_id: none for the anonymous caller.
        limits: never more than the user may; see ``access``.
        scopes: what a short-lived bearer names, as pairs of resource and action; none for
            all other credentials. They narrow what the request is for, not who asks.
    """

    user_id: ObjectId | None = None
    username: str = ""
    email: str = ""
    display_name: str = ""
    is_platform_admin: bool = False
    kind: CredentialKind = CredentialKind.NONE
    limits: TokenLimits = UNLIMITED
    token_id: str | None = None
    session_id: str | None = None
    scopes: frozenset[tuple[str, str]] | None = None

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody is signed in."""
        return self.user_id is None and self.kind is not CredentialKind.OPERATOR

    @property
    def user(self) -> ObjectId:
        """The signed-in user's id; only for callers that are signed in."""
        if self.user_id is None:
            raise LookupError("the caller is nobody's account")
        return self.user_id

    @property
    def actor(self) -> audit.Actor:
        """Who the audit says did what this caller does."""
        if self.kind is CredentialKind.OPERATOR:
            return audit.OPERATOR
        if self.user_id is None:
            return audit.ANONYMOUS
        return audit.Actor(
            type=audit.ActorType.USER,
            id=str(self.user_id),
            name=self.username,
            token_id=self.token_id or "",
        )


ANONYMOUS = Principal()
OPERATOR = Principal(kind=CredentialKind.OPERATOR, is_platform_admin=True)
"""Whoever runs commands beside the registry; they could read its database as well."""


class CredentialScheme(StrEnum):
    """The form in which credentials came."""

    BEARER = "bearer"
    BASIC = "basic"
    SCOPED = "scoped"  # Bearer, where short-lived bearers with scopes are taken too


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What a request carried, not yet checked.

    ``secret`` is the bearer value or the Basic password; ``username`` is Basic's, and may
    be a token too.
    """

    scheme: CredentialScheme
    secret: str = field(repr=False)
    username: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class ClientInfo:
    """Where a request came from, for throttling, sessions and the audit."""

    ip: str = ""
    user_agent: str = ""
    request_id: str = ""
