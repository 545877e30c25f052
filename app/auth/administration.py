"""Who may act on the platform's users and on other people's accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bson import ObjectId

from app import audit
from app.auth import identifiers
from app.auth.limits import MANAGEMENT, why_outside
from app.errors import Forbidden, NotFound, RegistryError, Unauthenticated

if TYPE_CHECKING:
    from app.auth.principal import Principal


def require_platform_admin(principal: Principal, action: str, *, to: str = "do this") -> None:
    """Make sure that the caller is a platform admin; a refusal is audited.

    Args:
        principal: a token must have no limits to organizations or packages.
        action: ``read``, ``write`` or ``delete``, for the token's limits.
        to: what only they may, as the refusal says it.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the caller is none, or it is outside the token's limits.
    """
    refusal = _refusal(principal, action, to)
    if refusal is not None:
        record_denial(principal, audit.Resource(type="platform"), action, refusal)
        raise refusal


def require_self_or_admin(principal: Principal, user_id: ObjectId, action: str) -> None:
    """Make sure that an account is the caller's own, or that the caller is a platform admin.

    Raises:
        Unauthenticated: nobody is signed in.
        NotFound: it is somebody else's; the caller may not know of it.
        Forbidden: a platform admin's token is limited.
    """
    if principal.user_id == user_id:
        return
    if not principal.is_anonymous and not principal.is_platform_admin:
        raise _not_theirs(principal, audit.Resource(type="user", id=str(user_id)), action)
    require_platform_admin(principal, action)


def require_own_name_or_admin(principal: Principal, reference: str, action: str) -> None:
    """Decide about an account by what it is called, before anybody looks whether it is there.

    Else the time that the answer takes, and what is recorded of it, would tell who there is.

    Args:
        principal: who is signed in.
        reference: id, username or e-mail address.
        action: ``read``, ``write`` or ``delete``.

    Raises:
        NotFound: it is not the caller's, and they are no platform admin.
    """
    name = identifiers.fold(reference)
    own = {str(principal.user_id), principal.username, principal.email}
    if name in own or principal.is_platform_admin:
        return
    resource = audit.Resource(type="user")  # Not the address: the audit holds none.
    if ObjectId.is_valid(name):
        resource = audit.Resource(type="user", id=name)
    elif identifiers.is_username(name):
        resource = audit.Resource(type="user", name=name)
    raise _not_theirs(principal, resource, action)


def record_denial(
    principal: Principal,
    resource: audit.Resource,
    action: str,
    refusal: RegistryError,
    *,
    organization: str = "",
) -> None:
    """Put a refusal into the audit.

    That somebody unknown has to sign in is none: it is how clients find out that they have
    to send credentials, and anybody could fill the audit with it, which is kept for ever.
    """
    if principal.is_anonymous and isinstance(refusal, Unauthenticated):
        return
    audit.record(
        audit.AuditAction.ACCESS_DENIED,
        actor=principal.actor,
        resource=resource,
        organization=organization,
        result=audit.Result.DENIED,
        details={"wanted": action, "answer": refusal.code},
    )


def _not_theirs(principal: Principal, resource: audit.Resource, action: str) -> NotFound:
    """Record that an account is somebody else's, and return what the caller is told."""
    refusal = NotFound()
    record_denial(principal, resource, action, refusal)
    return refusal


def _refusal(principal: Principal, action: str, to: str) -> RegistryError | None:
    if principal.is_anonymous:
        return Unauthenticated()
    if not principal.is_platform_admin:
        return Forbidden(f"Only platform administrators may {to}.")
    limits = principal.limits
    outside = why_outside(limits, door=MANAGEMENT, action=action)
    if outside is None and (limits.organizations or limits.packages):
        outside = "This token is limited, and may not administer the platform."
    return None if outside is None else Forbidden(outside)
