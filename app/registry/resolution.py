"""From a scope and a name to one package, and from a publish to one repository.

The rules are DESIGN's "Tenants, repositories, names". A look-up finds the package
first, from memory where that is safe, and then asks ``access`` whether this caller may
know of it: the answer about the package does not depend on who asks.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bson import ObjectId
from mongoengine import NotUniqueError

from app import access, audit
from app.access import Action, RepositoryFacts, Role
from app.auth.principal import Principal
from app.errors import (
    Forbidden,
    NameRefused,
    NameTooSimilar,
    NotFound,
    RegistryError,
    Unauthenticated,
)
from app.extensions import coherence
from app.models import (
    NameClaim,
    NamespaceClaim,
    OrganizationRole,
    Package,
    Repository,
    RepositoryKind,
    Visibility,
    in_transaction,
    similarity_key,
)
from app.models.rows import rows_of
from app.registry.names import PackageName, namespace_tag
from app.registry.repositories import (
    OrganizationFacts,
    default_organization,
    facts_of,
    hold_organization,
    organization_by_id,
    organization_by_slug,
    organization_tag,
)
from app.registry.scope_repositories import (
    first_known,
    is_in_scope,
    no_repository_for,
    repositories_in,
    require_known,
)
from app.registry.scopes import Scope, ScopeKind


@dataclass(frozen=True, kw_only=True)
class PackageRef:
    """One package that was found.

    Attributes:
        is_deleted: only a tombstone holds the name; readers see nothing.
    """

    id: ObjectId
    name: PackageName
    repository: RepositoryFacts
    is_deleted: bool


@dataclass(frozen=True, kw_only=True)
class PublishTarget:
    """Where a publish goes.

    Attributes:
        package: the row that is there already, also as a tombstone.
        repository: where ``creates_repository``, what will be made by the publish: a body
            that is refused must leave nothing behind.
        claims_platform_name: the flat name is to be taken for the platform scope, with the
            first package that has it.
    """

    name: PackageName
    repository: RepositoryFacts
    creates_repository: bool
    package: PackageRef | None
    claims_platform_name: bool

    @property
    def package_key(self) -> dict[str, Any]:
        """Return what the package's row is found by, whether it is there or not."""
        return {
            "protocol": self.name.protocol,
            "organization": self.repository.organization_id,
            "name": self.name.normal,
        }


def for_read(principal: Principal, scope: Scope, name: PackageName) -> PackageRef:
    """Find the package that a reader in this scope sees.

    Raises:
        Unauthenticated: the caller is anonymous and the package is not public, or nothing
            in the scope is.
        NotFound: there is none, or the caller may not know of it.
    """
    return for_action(principal, scope, name, Action.READ)


def for_action(principal: Principal, scope: Scope, name: PackageName, action: Action) -> PackageRef:
    """Find a package and make sure that the caller may do this to it.

    Raises:
        Unauthenticated: as for :func:`for_read`.
        NotFound: as for :func:`for_read`.
        Forbidden: the caller may read it, but not do this.
    """
    found = locate(scope, name)
    if found is None or found.is_deleted:
        raise _hidden(principal, scope, name)
    try:
        access.require(principal, action, found.repository, package=name.normal)
    except NotFound as error:
        raise _hidden(principal, scope, name) from error
    return found


def is_shown_to(principal: Principal, package: PackageRef) -> bool:
    """Whether a caller may know that a package is there."""
    return not package.is_deleted and access.may(
        principal, Action.READ, package.repository, package=package.name.normal
    )


def locate(scope: Scope, name: PackageName) -> PackageRef | None:
    """Find the package that this name means in this scope, whoever asks."""

    def load() -> PackageRef | None:
        coherence.depends_on(name.tag)
        organization = _organization_that_answers(scope, name)
        if organization is None:
            return None
        row = rows_of(Package).find_one(
            {"protocol": name.protocol, "organization": organization.id, "name": name.normal},
            {"repository": 1, "deleted_at": 1},
        )
        if row is None:
            return None
        repository = organization.by_id(row["repository"])
        if repository is None or not is_in_scope(scope, organization, repository):
            return None
        deleted_at: datetime | None = row.get("deleted_at")
        return PackageRef(
            id=row["_id"],
            name=name,
            repository=repository,
            is_deleted=deleted_at is not None,
        )

    key = ("package", scope.kind, scope.organization, scope.repository, name.protocol, name.normal)
    return coherence.cached(key, load)


def for_publish(principal: Principal, scope: Scope, name: PackageName) -> PublishTarget:
    """Decide where a publish goes, and make sure that the caller may.

    An organization's owner or admin gets a hosted repository made where it has none.

    Raises:
        Unauthenticated: nobody is signed in.
        NotFound: the scope, or the package in it, is not for this caller to know of.
        NameRefused: the name is another organization's, or too similar to another, or taken
            by a package that is not for this caller to know of, or is in another repository.
        Forbidden: the caller may not publish there.
    """
    if principal.is_anonymous:
        raise Unauthenticated("You must sign in to publish. Create an API token and use it.")
    package, sibling = _located_to_publish(scope, name)
    # Who may not know of the package is told what they are where there is none; only who
    # could publish one like it, had it not been there, learns that the name is taken.
    is_hidden = package is not None and access.role_on(principal, package.repository) is Role.NONE
    is_new = False
    if package is not None and not is_hidden:
        repository = package.repository
    elif scope.kind is ScopeKind.REPOSITORY:
        repository = _scope_repository(principal, scope, name)
    else:
        organization = _publishing_organization(principal, scope, name)
        repository = _writable_repository(principal, organization, name)
        is_new = organization.by_id(repository.id) is None
    if not is_new:
        _require_publisher(principal, name, repository)
    if repository.kind is not RepositoryKind.HOSTED:
        raise Forbidden(
            f"{repository.path} is a {repository.kind} repository and takes no publishes. "
            "Publish to a hosted one."
        )
    if package is not None and is_hidden:
        raise _taken(scope, package)
    if sibling is not None:
        _require_free_name(principal, scope, sibling)
    return PublishTarget(
        name=name,
        repository=repository,
        creates_repository=is_new,
        package=package,
        claims_platform_name=package is None and _may_claim(principal, scope, name, repository),
    )


def _organization_that_answers(scope: Scope, name: PackageName) -> OrganizationFacts | None:
    """Return the one organization whose package of this name the scope serves."""
    if scope.kind is not ScopeKind.PLATFORM:
        return organization_by_slug(scope.organization)
    holder = _namespace_holder(name) if name.namespaces else _flat_name_holder(name)
    return None if holder is None else organization_by_id(holder)


def _namespace_holder(name: PackageName) -> ObjectId | None:
    for namespace in name.namespaces:
        coherence.depends_on(namespace_tag(name.protocol, namespace))
    rows = rows_of(NamespaceClaim).find(
        {"protocol": name.protocol, "namespace": {"$in": list(name.namespaces)}}
    )
    holders: dict[str, ObjectId] = {row["namespace"]: row["organization"] for row in rows}
    return next((holders[one] for one in name.namespaces if one in holders), None)


def _flat_name_holder(name: PackageName) -> ObjectId | None:
    row = rows_of(NameClaim).find_one({"protocol": name.protocol, "name": name.normal})
    return None if row is None else row["organization"]


def _hidden(principal: Principal, scope: Scope, name: PackageName) -> RegistryError:
    """Say "not there" in the way that tells the caller no more than they may know.

    Anonymous callers are asked to sign in where a package of this name could be private:
    what is missing and what is private must look the same. An organization's scope without
    any repository is one of those, too: so look private ones from outside. At the platform
    scope a flat name could be in any repository of its format, so one that is not public
    makes all that are missing a 401 there. The other way round, a private package that
    looks missing, would be worse: clients that send their credentials only when asked
    would never be.
    """
    if principal.is_anonymous:
        return Unauthenticated() if _may_be_private(scope, name) else NotFound()
    try:
        require_known(principal, scope)
    except NotFound as error:
        return error  # Of a mistyped organization that helps more.
    return NotFound()


def _may_be_private(scope: Scope, name: PackageName) -> bool:
    """Whether a package of this name that is in the scope could be in a private repository."""
    if scope.kind is not ScopeKind.PLATFORM:
        repositories = repositories_in(scope)
        return not repositories or any(map(_is_closed, repositories))
    if name.is_flat:
        closed = {"protocol": name.protocol, "visibility": {"$ne": Visibility.PUBLIC}}
        return rows_of(Repository).find_one(closed, {"_id": 1}) is not None
    organization = _organization_that_answers(scope, name)
    return organization is not None and any(map(_is_closed, organization.of(name.protocol)))


def _is_closed(repository: RepositoryFacts) -> bool:
    return repository.visibility is not Visibility.PUBLIC


def _scope_repository(principal: Principal, scope: Scope, name: PackageName) -> RepositoryFacts:
    organization = organization_by_slug(scope.organization)
    repository = organization.named(scope.repository) if organization else None
    if repository is None or repository.protocol != scope.protocol:
        raise NotFound(f"There is no {scope.protocol} repository at {scope.prefix}.")
    access.require(principal, Action.READ, repository, package=name.normal)
    return repository


def _publishing_organization(
    principal: Principal, scope: Scope, name: PackageName
) -> OrganizationFacts:
    if scope.kind is ScopeKind.ORGANIZATION:
        organization = organization_by_slug(scope.organization)
        if organization is None or not access.may_see_organization(principal, organization.id):
            raise NotFound
        return organization
    if name.namespaces:
        holder = _namespace_holder(name)
        organization = None if holder is None else organization_by_id(holder)
        if organization is None or not access.may_see_organization(principal, organization.id):
            raise NameRefused(
                f"You may not publish {name.display}: no organization of yours holds that "
                f"namespace. Publish to the scope of your own organization ({_example(scope)})."
            )
        return organization
    organization = _organization_for_flat_name(principal, name.protocol)
    if organization is None:
        raise Forbidden(
            f"{name.display} does not say which organization it belongs to. Publish to the scope "
            f"of one ({_example(scope)}), or use a token that is bound to one."
        )
    return organization


def _example(scope: Scope) -> str:
    return f"{scope.origin}/o/<organization>/{scope.protocol}/"


def _organization_for_flat_name(principal: Principal, protocol: str) -> OrganizationFacts | None:
    bound = principal.limits.sole_organization
    if bound is not None:
        return organization_by_id(ObjectId(bound))
    writable = access.organizations_writable_by(principal, protocol)
    if len(writable) == 1:
        return organization_by_id(next(iter(writable)))
    return default_organization()


def _require_publisher(
    principal: Principal, name: PackageName, repository: RepositoryFacts
) -> None:
    """Refuse who may not publish; a member learns what to ask for, and not what is there."""
    try:
        access.require(principal, Action.PUBLISH, repository, package=name.normal)
    except NotFound as error:
        if not access.may_see_organization(principal, repository.organization_id):
            raise
        raise no_repository_for(repository.organization_slug, name.protocol) from error


def _writable_repository(
    principal: Principal, organization: OrganizationFacts, name: PackageName
) -> RepositoryFacts:
    """Return the first hosted repository that takes the publish, or what one will be.

    Where there are some and none takes it, the first is returned of which the caller may
    know, and ``require`` refuses it with its own words.
    """
    hosted = [one for one in organization.of(name.protocol) if one.kind is RepositoryKind.HOSTED]
    for repository in hosted:
        if access.may(principal, Action.PUBLISH, repository, package=name.normal):
            return repository
    if hosted:
        return first_known(principal, hosted)
    role = access.organization_role(principal, organization.id)
    if role not in {OrganizationRole.OWNER, OrganizationRole.ADMIN}:
        raise no_repository_for(organization.slug, name.protocol)
    access.require_token_allows(principal, Action.PUBLISH, name.protocol, organization.id)
    return RepositoryFacts(
        id=ObjectId(),
        organization_id=organization.id,
        organization_slug=organization.slug,
        name=name.protocol,
        protocol=name.protocol,
        kind=RepositoryKind.HOSTED,
        visibility=organization.default_visibility,
    )


def create_repository(principal: Principal, target: PublishTarget) -> RepositoryFacts:
    """Make the repository that a publish target promises.

    Another publish at the same moment may have made it: then that one is returned.

    Raises:
        Forbidden: its slug serves another format, or no publishes.
        Conflict: its organization was deleted meanwhile.
    """
    facts = target.repository

    def work() -> None:
        hold_organization(facts.organization_id)
        Repository(
            id=facts.id,
            organization=facts.organization_id,
            name=facts.name,
            protocol=facts.protocol,
            visibility=facts.visibility,
        ).save(force_insert=True)
        audit.record(
            audit.AuditAction.REPOSITORY_CREATE,
            actor=principal.actor,
            resource=audit.Resource(type="repository", id=str(facts.id), name=facts.path),
            organization=facts.organization_slug,
            repository=facts.name,
            protocol=facts.protocol,
            details={"reason": "first publish"},
        )

    with suppress(NotUniqueError):
        coherence.change({organization_tag(facts.organization_id)}, lambda: in_transaction(work))
    row = rows_of(Repository).find_one(
        {
            "organization": facts.organization_id,
            "name": facts.name,
            "protocol": facts.protocol,
            "kind": RepositoryKind.HOSTED,
        }
    )
    if row is None:
        raise Forbidden(
            f"{facts.path} exists, for another format or kind. Create a hosted {facts.protocol} "
            f"repository in {facts.organization_slug} first."
        )
    return facts_of(row, facts.organization_slug)


def _may_claim(
    principal: Principal, scope: Scope, name: PackageName, repository: RepositoryFacts
) -> bool:
    """Whether this publish takes a flat name for the platform scope.

    Raises:
        NameRefused: at the platform scope, the name is another's or too similar to one.
    """
    if not name.is_flat:
        return False
    row = rows_of(NameClaim).find_one(
        {"protocol": name.protocol, "similarity_key": similarity_key(name.normal)}
    )
    if row is None:
        return True
    is_ours = row["organization"] == repository.organization_id and row["name"] == name.normal
    if scope.kind is ScopeKind.PLATFORM and not is_ours:
        if row["name"] == name.normal:
            raise _anothers_name(scope, name)
        other = locate(
            scope,
            PackageName(protocol=name.protocol, normal=row["name"], display=row["name"]),
        )
        is_shown = other is not None and is_shown_to(principal, other)
        similar = f"the existing package {row['name']}" if is_shown else "another name"
        raise NameTooSimilar(
            f"The name {name.display} is too similar to {similar}. "
            "Choose a name that differs by more than case, '-', '_' or '.'."
        )
    return False


def _located_to_publish(
    scope: Scope, name: PackageName
) -> tuple[PackageRef | None, PackageRef | None]:
    """Find the package that a publish goes to, or else one that has the name elsewhere.

    In one look: in the time between two of them another publish could make the package.

    Returns:
        The package, and that of another repository of the same organization, where the scope is
        a repository's; at most one of them.
    """
    if scope.kind is not ScopeKind.REPOSITORY:
        return locate(scope, name), None
    found = locate(_around(scope), name)
    organization = organization_by_slug(scope.organization)
    if found is None or organization is None:
        return None, None
    is_here = is_in_scope(scope, organization, found.repository)
    return (found, None) if is_here else (None, found)


def _require_free_name(principal: Principal, scope: Scope, sibling: PackageRef) -> None:
    """Refuse a name that another repository of the organization has.

    Raises:
        NameRefused: it says where to publish, to who may know of it.
    """
    if sibling.is_deleted:
        return
    if not is_shown_to(principal, sibling):
        raise _taken(_around(scope), sibling)
    raise NameRefused(
        f"The package {sibling.name.display} is in {sibling.repository.path}. Publish it there, or "
        "choose another name."
    )


def _around(scope: Scope) -> Scope:
    """Return the scope of the organization whose repository's a scope is."""
    return replace(scope, kind=ScopeKind.ORGANIZATION, repository="")


def _taken(scope: Scope, package: PackageRef) -> NameRefused:
    """Say that a name is taken to who may not know by what."""
    if package.name.is_flat and scope.kind is ScopeKind.PLATFORM:
        return _anothers_name(scope, package.name)
    organization = package.repository.organization_slug
    return NameRefused(
        f"The name {package.name.display} is taken in {organization}, in a repository that you "
        f"may not read. Choose another, or ask an admin of {organization}."
    )


def _anothers_name(scope: Scope, name: PackageName) -> NameRefused:
    return NameRefused(
        f"The name {name.display} belongs to another organization at the platform scope. "
        f"Publish it in your organization's own scope ({_example(scope)})."
    )
