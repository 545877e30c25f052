"""People, organizations and tokens for a test, made through the use cases themselves."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app import audit
from app.auth import tokens, users
from app.auth.principal import CredentialKind, TokenLimits
from app.auth.token_rules import TokenSpec
from app.auth.users import NewUser
from app.models import (
    OrganizationRole,
    PlatformSettings,
    RepositoryRole,
    User,
    Visibility,
    in_transaction,
)
from app.registry import grants, members, organizations, repository_management
from app.registry.organizations import NewOrganization
from app.registry.repository_management import NewRepository

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from app.auth.principal import Principal

PASSWORD = "correct horse battery staple"  # noqa: S105  of people who do not exist


@dataclass(frozen=True)
class Person:
    """A user with a token that may everything that they may."""

    user: User
    token: str
    token_id: str

    @property
    def principal(self) -> Principal:
        """The user, signed in."""
        return users.principal_of(self.user, CredentialKind.PASSWORD)

    @property
    def bearer(self) -> dict[str, str]:
        """The header that their client sends."""
        return {"Authorization": f"Bearer {self.token}"}


class World:
    """Makes what a test needs, within the app that it is given."""

    def __init__(self, app: Flask) -> None:
        self.app = app

    def person(self, username: str, *, password: str = PASSWORD, admin: bool = False) -> Person:
        """Make a user with a token."""
        with self.app.app_context():
            new = NewUser(
                email=f"{username}@packhouse.test",
                username=username,
                password=password,
                is_platform_admin=admin,
            )
            user = users.prepare(new)
            in_transaction(lambda: users.insert(user, actor=audit.SYSTEM))
        return self.with_token(user)

    def with_token(self, user: User, limits: TokenLimits | None = None) -> Person:
        """Make one more token for a user."""
        with self.app.app_context():
            spec = TokenSpec(name="test", limits=limits or TokenLimits())
            issued = tokens.issue(user.id, spec, actor=audit.SYSTEM)
        return Person(user, issued.secret, str(issued.token.id))

    def organization(self, slug: str, owner: Person) -> str:
        """Make an organization; returns its id."""
        with self.app.app_context():
            return organizations.create(owner.principal, NewOrganization(slug=slug)).id

    def only_admins_create_organizations(self) -> None:
        """Let nobody else create organizations from now on."""
        with self.app.app_context():
            PlatformSettings(only_admins_create_organizations=True).save()

    def member(self, slug: str, owner: Person, person: Person, role: OrganizationRole) -> None:
        """Put somebody into an organization."""
        with self.app.app_context():
            members.add_member(owner.principal, slug, person.user.username, role)

    def repository(
        self,
        slug: str,
        owner: Person,
        name: str,
        *,
        protocol: str = "npm",
        visibility: Visibility = Visibility.PRIVATE,
    ) -> str:
        """Make a repository; returns its id."""
        with self.app.app_context():
            new = NewRepository(name=name, protocol=protocol, visibility=visibility)
            return repository_management.create_repository(owner.principal, slug, new).id

    def grant(self, repository: str, owner: Person, person: Person, role: RepositoryRole) -> None:
        """Give somebody a role."""
        with self.app.app_context():
            grants.grant_user(owner.principal, repository, person.user.username, lambda _: role)

    def revoke(self, repository: str, owner: Person, person: Person) -> None:
        """Take somebody's role away."""
        with self.app.app_context():
            grants.revoke_user(owner.principal, repository, person.user.username)

    def revoke_token(self, person: Person) -> None:
        """Revoke the person's token."""
        with self.app.app_context():
            tokens.revoke_secret(person.principal, person.token)

    @contextmanager
    def context(self) -> Iterator[None]:
        """Run a block as the app does, outside of a request."""
        with self.app.app_context():
            yield
