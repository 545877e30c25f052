"""Whether a caller may do something to a repository: ``require`` and ``may``.

The answer never tells more than the caller may know. Anonymous callers are asked to sign
in; who may not read is told that there is nothing; who may read but not act, or uses a
token outside of its limits, is told what is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import audit
from app.access.roles import Action, Role
from app.access.rules import role_on
from app.auth import limits
from app.errors import Forbidden, NotFound, RegistryError, Unauthenticated

if TYPE_CHECKING:
    from bson import ObjectId

    from app.access.facts import RepositoryFacts
    from app.auth.principal import Principal

_ACTING = {
    Action.READ: "Reading",
    Action.PUBLISH: "Publishing to",
    Action.MAINTAIN: "Maintaining packages in",
    Action.DELETE: "Deleting from",
    Action.INSPECT: "Seeing who is granted what on",
    Action.ADMINISTER: "Administering",
    Action.REMOVE: "Removing, or taking grants from,",
}


def require(
    principal: Principal,
    action: Action,
    repository: RepositoryFacts,
    *,
    package: str | None = None,
    door: str | None = None,
) -> None:
    """Make sure that a caller may do this; a refusal is audited.

    Args:
        principal: who asks.
        action: what they want to do.
        repository: to what, or to something in it.
        package: the normal name of the package that it is about; none where it is about
            the repository as a whole, which a token limited to packages may not touch.
        door: the way in that a token must be good for; the repository's protocol where it
            is not named. The management API and the pages name ``limits.MANAGEMENT``.

    Raises:
        Unauthenticated: anonymous, and anonymous callers may not.
        NotFound: the caller may not read the repository.
        Forbidden: they may read it, but not do this, or not with this token; the message
            names what is needed, or the limit.
    """
    refusal = _refusal(principal, action, repository, package, door or repository.protocol)
    if refusal is None:
        return
    if not isinstance(refusal, Unauthenticated):  # That is nobody's; see ``record_denial``.
        _record(principal, action, repository, package, refusal)
    raise refusal


def may(
    principal: Principal,
    action: Action,
    repository: RepositoryFacts,
    *,
    package: str | None = None,
    door: str | None = None,
) -> bool:
    """Say whether ``require`` would let this pass, without audit: for lists and choices."""
    return _refusal(principal, action, repository, package, door or repository.protocol) is None


def may_to_some_package(principal: Principal, action: Action, repository: RepositoryFacts) -> bool:
    """Say whether there can be a package in a repository to which the caller may do this."""
    packages = principal.limits.packages or {None}
    return any(may(principal, action, repository, package=one) for one in packages)


def require_token_allows(
    principal: Principal, action: Action, door: str, organization_id: ObjectId
) -> None:
    """Make sure that a token's limits allow this in an organization as a whole.

    For what has no repository yet; the caller has decided about the role.

    Raises:
        Forbidden: the message names the limit.
    """
    reason = _limit(principal, action, door, organization_id, package=None)
    if reason is not None:
        raise Forbidden(reason)


def require_token_lists(
    principal: Principal, door: str, organization_id: ObjectId | None = None
) -> None:
    """Make sure that a token's limits allow to ask what there is, in an organization or at all.

    A limit to packages is no reason: such a token is shown nothing, and reads its packages.

    Raises:
        Forbidden: the message names the limit.
    """
    own = principal.limits
    reason = limits.why_outside(own, door=door, action=Action.READ.token_action)
    if reason is None and organization_id is not None:
        reason = limits.why_outside_organization(own, organization_id)
    if reason is not None:
        raise Forbidden(reason)


def _refusal(
    principal: Principal,
    action: Action,
    repository: RepositoryFacts,
    package: str | None,
    door: str,
) -> RegistryError | None:
    role = role_on(principal, repository)
    if role < Role.READER:
        return Unauthenticated() if principal.is_anonymous else NotFound()
    limit = _limit(principal, action, door, repository.organization_id, package)
    if limit is not None:
        return Forbidden(limit)
    if role >= action.needed_role:
        return None
    if principal.is_anonymous:
        return Unauthenticated()
    return Forbidden(
        f"{_ACTING[action]} {repository.path} needs the role {action.needed_role.name.lower()}; "
        f"yours is {role.name.lower()}. Ask an admin of {repository.organization_slug}."
    )


def _limit(
    principal: Principal, action: Action, door: str, organization_id: ObjectId, package: str | None
) -> str | None:
    own = principal.limits
    return (
        limits.why_outside(own, door=door, action=action.token_action)
        or limits.why_outside_organization(own, organization_id)
        or limits.why_outside_packages(own, package)
    )


def _record(
    principal: Principal,
    action: Action,
    repository: RepositoryFacts,
    package: str | None,
    refusal: RegistryError,
) -> None:
    audit.record(
        audit.AuditAction.ACCESS_DENIED,
        actor=principal.actor,
        resource=audit.Resource(type="repository", id=str(repository.id), name=repository.path),
        organization=repository.organization_slug,
        repository=repository.name,
        protocol=repository.protocol,
        result=audit.Result.DENIED,
        details={"wanted": action, "answer": refusal.code, "package": package},
    )
