"""The repositories that a scope serves, and what a caller may do in any of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId

from app import access
from app.access import Action, RepositoryFacts
from app.auth.principal import Principal
from app.errors import Forbidden, NotFound, Unauthenticated
from app.extensions import settings
from app.models import OrganizationRole, RepositoryKind
from app.registry import quotas
from app.registry.repositories import (
    OrganizationFacts,
    default_organization,
    organization_by_id,
    organization_by_slug,
)
from app.registry.scopes import Scope, ScopeKind

_MAKING_REPOSITORIES = frozenset({OrganizationRole.OWNER, OrganizationRole.ADMIN})
"""Who gets a repository made by their first publish."""


@dataclass(frozen=True, kw_only=True)
class ReadableRepositories:
    """What a caller may read in a scope.

    Attributes:
        is_platform: it is the platform's scope: of packages of one flat name it shows that
            which holds the name.
        same_since: since when everybody who may read here at all has read the same
            repositories; none where that is up to who asks, and when.
    """

    ids: frozenset[ObjectId]
    is_platform: bool
    same_since: datetime | None = None


def is_in_scope(scope: Scope, organization: OrganizationFacts, repository: RepositoryFacts) -> bool:
    """Whether a scope below the platform's serves a repository of its organization."""
    if scope.kind is not ScopeKind.REPOSITORY:
        return True
    asked = organization.named(scope.repository)
    if asked is None or asked.protocol != scope.protocol:
        return False
    return repository.id == asked.id or repository.id in asked.members


def repositories_in(scope: Scope) -> tuple[RepositoryFacts, ...]:
    """Return the repositories that an organization's or a repository's scope serves."""
    organization = organization_by_slug(scope.organization)
    if organization is None:
        return ()
    found = organization.of(scope.protocol)
    return tuple(one for one in found if is_in_scope(scope, organization, one))


def readable(principal: Principal, scope: Scope) -> ReadableRepositories:
    """Return the repositories of a scope that the caller may read, for lists of packages.

    Raises:
        Unauthenticated: the caller is anonymous, and there is nothing public.
        NotFound: the scope is not for this caller to know of.
        Forbidden: their token is not for reading here.
    """
    if scope.kind is ScopeKind.PLATFORM:
        ids = access.readable_repository_ids(principal, among={"protocol": scope.protocol})
    else:
        found = repositories_in(scope)
        ids = frozenset(one.id for one in found if access.may(principal, Action.READ, one))
    if not ids:
        require_known(principal, scope)
        organization = organization_by_slug(scope.organization)
        access.require_token_lists(
            principal, scope.protocol, None if organization is None else organization.id
        )
    return ReadableRepositories(
        ids=ids,
        is_platform=scope.kind is ScopeKind.PLATFORM,
        same_since=_same_since(scope, ids),
    )


def _same_since(scope: Scope, ids: frozenset[ObjectId]) -> datetime | None:
    """See ``ReadableRepositories``: a hosted repository is all that its scope ever serves."""
    organization = organization_by_slug(scope.organization)
    if scope.kind is not ScopeKind.REPOSITORY or organization is None:
        return None
    asked = organization.named(scope.repository)
    is_hosted = asked is not None and asked.kind is RepositoryKind.HOSTED and ids == {asked.id}
    return asked.id.generation_time if asked is not None and is_hosted else None


def require_publisher(principal: Principal, scope: Scope) -> int:
    """Make sure that a caller may publish something in a scope, whatever it is.

    For formats whose uploads name the package within the body: who may publish nothing is
    refused before it is read. What it turns out to be is for ``resolution.for_publish``.

    Returns:
        How many bytes a file may have, in the repository that takes the largest.

    Raises:
        Unauthenticated: nobody is signed in.
        NotFound: the scope is not for this caller to know of.
        Forbidden: they may not publish anything there.
    """
    if principal.is_anonymous:
        raise Unauthenticated("You must sign in to publish. Create an API token and use it.")
    require_known(principal, scope)
    organizations = _publishing_organizations(principal, scope)
    found = (
        [one for each in organizations for one in each.of(scope.protocol)]
        if scope.kind is ScopeKind.PLATFORM
        else repositories_in(scope)
    )
    hosted = [one for one in found if one.kind is RepositoryKind.HOSTED]
    open_to_them = [
        quotas.largest_file_bytes(one)
        for one in hosted
        if access.may_to_some_package(principal, Action.PUBLISH, one)
    ]
    if open_to_them:
        return max(open_to_them)
    if hosted:
        with suppress(NotFound):  # They may know of the scope, though not of a repository in it.
            access.require(principal, Action.PUBLISH, first_known(principal, hosted))
    if scope.kind is not ScopeKind.REPOSITORY:
        for organization in organizations:
            if access.organization_role(principal, organization.id) in _MAKING_REPOSITORIES:
                access.require_token_allows(
                    principal, Action.PUBLISH, scope.protocol, organization.id
                )
                return settings.max_file_bytes
    if scope.kind is ScopeKind.ORGANIZATION:
        raise no_repository_for(scope.organization, scope.protocol)
    raise Forbidden(
        f"There is no {scope.protocol} repository at {scope.base_url} that you may publish to. "
        "Publish to the scope of an organization in which you may."
    )


def first_known(principal: Principal, repositories: Sequence[RepositoryFacts]) -> RepositoryFacts:
    """Return the first repository that a caller may know of, whose refusal says something.

    Where they may know of none it is the first of all.
    """
    known = (one for one in repositories if access.role_on(principal, one) > access.Role.NONE)
    return next(known, repositories[0])


def no_repository_for(organization: str, protocol: str) -> Forbidden:
    """Say to who may know of an organization that they may publish to no repository of it.

    The same is said where it has none as where they may know of none.
    """
    return Forbidden(
        f"{organization} has no {protocol} repository that you may publish to. "
        "Ask one of its owners to create one and to grant you access."
    )


def _publishing_organizations(principal: Principal, scope: Scope) -> list[OrganizationFacts]:
    """Return the organizations that a publish in a scope could go to."""
    if scope.kind is not ScopeKind.PLATFORM:
        found = [organization_by_slug(scope.organization)]
    elif writable := access.organizations_writable_by(principal, scope.protocol):
        found = [organization_by_id(one) for one in writable]
    elif bound := principal.limits.sole_organization:
        found = [organization_by_id(ObjectId(bound))]
    else:
        found = [default_organization()]
    return [one for one in found if one is not None]


def require_known(principal: Principal, scope: Scope) -> None:
    """Refuse a scope that the caller may not know of; the platform's is everybody's.

    Raises:
        Unauthenticated: nobody is signed in.
        NotFound: it says what there is not: the organization, or the repository.
    """
    if principal.is_anonymous:
        raise Unauthenticated
    if scope.kind is ScopeKind.PLATFORM:
        return
    organization = organization_by_slug(scope.organization)
    if organization is None:
        raise NotFound(f"There is no organization {scope.organization}.")
    if scope.kind is ScopeKind.ORGANIZATION:
        if not access.may_see_organization(principal, organization.id):
            raise NotFound(f"There is no organization {scope.organization}.")
        return
    repository = organization.named(scope.repository)
    if repository is None or repository.protocol != scope.protocol:
        raise NotFound(f"There is no {scope.protocol} repository at {scope.base_url}.")
    if access.role_on(principal, repository) < access.Role.READER:
        raise NotFound(f"There is no {scope.protocol} repository at {scope.base_url}.")
