"""One organization with a repository of each visibility, and everybody around it."""

from __future__ import annotations

from app import audit
from app.access import RepositoryFacts
from app.auth import tokens, users
from app.auth.principal import (
    ANONYMOUS,
    ClientInfo,
    CredentialKind,
    Principal,
    TokenLimits,
)
from app.auth.token_rules import TokenSpec
from app.auth.users import NewUser
from app.models import (
    Grant,
    GranteeType,
    Membership,
    Organization,
    OrganizationRole,
    Repository,
    RepositoryKind,
    RepositoryRole,
    Team,
    TeamMember,
    TeamRole,
    User,
    Visibility,
    in_transaction,
)

# Who, as the rows below build them. "lowered" teams were granted less than their role gives.
TEAMS = {
    "team_member": (TeamRole.MEMBER, None),
    "team_maintainer": (TeamRole.MAINTAINER, None),
    "team_member_lowered_to_reader": (TeamRole.MEMBER, RepositoryRole.READER),
    "team_maintainer_lowered_to_developer": (TeamRole.MAINTAINER, RepositoryRole.DEVELOPER),
    "team_member_with_admin_grant": (TeamRole.MEMBER, RepositoryRole.ADMIN),
}
PEOPLE = (
    "stranger",
    "member",
    "reader",
    "developer",
    "maintainer",
    "admin",
    *TEAMS,
    "organization_admin",
    "organization_owner",
    "platform_admin",
)


class World:
    """The organization ``acme`` and another one, ``umbrella``, with which nobody has to do.

    Attributes:
        repositories: of acme, by visibility; all npm.
        foreign: a private repository of umbrella.
    """

    def __init__(self) -> None:
        self.organization = Organization(slug="acme").save()
        self.umbrella = Organization(slug="umbrella").save()
        self.repositories = {one: self.add_repository(one) for one in Visibility}
        self.foreign = self.add_repository(Visibility.PRIVATE, organization=self.umbrella)
        self._people: dict[str, User] = {}

    def add_repository(
        self,
        visibility: Visibility,
        *,
        name: str = "",
        protocol: str = "npm",
        kind: RepositoryKind = RepositoryKind.HOSTED,
        organization: Organization | None = None,
    ) -> RepositoryFacts:
        owner = organization or self.organization
        row = Repository(
            organization=owner,
            name=name or f"{protocol}-{visibility}",
            protocol=protocol,
            kind=kind,
            visibility=visibility,
        ).save()
        return RepositoryFacts(
            id=row.id,
            organization_id=owner.id,
            organization_slug=owner.slug,
            name=row.name,
            protocol=protocol,
            kind=kind,
            visibility=visibility,
        )

    def person(self, who: str) -> User:
        """Return a person, with all that makes them who they are."""
        if who not in self._people:
            self._people[who] = self._make(who)
        return self._people[who]

    def signed_in(self, who: str) -> Principal:
        if who == "anonymous":
            return ANONYMOUS
        return users.principal_of(self.person(who), CredentialKind.SESSION)

    def with_token(self, who: str, limits: TokenLimits) -> Principal:
        issued = tokens.create(self.signed_in(who), TokenSpec(name="ci", limits=limits))
        return tokens.authenticate(issued.secret, ClientInfo())

    def join(self, user: User, role: OrganizationRole) -> Membership:
        return Membership(organization=self.organization, user=user, role=role).save()

    def grant(self, grantee: User | Team, role: RepositoryRole | None) -> None:
        is_team = isinstance(grantee, Team)
        for repository in self.repositories.values():
            Grant(
                repository=repository.id,
                organization=repository.organization_id,
                grantee_type=GranteeType.TEAM if is_team else GranteeType.USER,
                grantee=grantee.id,
                role=role,
            ).save()

    def add_team(
        self, slug: str, member: User, role: TeamRole, granted: RepositoryRole | None
    ) -> Team:
        team = Team(organization=self.organization, slug=slug).save()
        TeamMember(team=team, user=member, role=role).save()
        self.grant(team, granted)
        return team

    def _make(self, who: str) -> User:
        user = users.prepare(
            NewUser(
                email=f"{who}@acme.test",
                username=who.replace("_", "-")[:39],
                is_platform_admin=who == "platform_admin",
            )
        )
        in_transaction(lambda: users.insert(user, actor=audit.SYSTEM))
        if who in TEAMS:
            self.join(user, OrganizationRole.MEMBER)
            self.add_team(who.replace("_", "-"), user, *TEAMS[who])
        elif who == "member":
            self.join(user, OrganizationRole.MEMBER)
        elif who.startswith("organization_"):
            self.join(user, OrganizationRole(who.removeprefix("organization_")))
        elif who in set(RepositoryRole):
            self.grant(user, RepositoryRole(who))
        return user
