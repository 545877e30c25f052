"""What an API token's limits keep it from; sign-ins and passwords have none.

``door`` is the way in: the name of a protocol, or ``MANAGEMENT`` for the API and the
pages. ``action`` is one of ``TOKEN_ACTIONS``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.errors import Forbidden, Unauthenticated

if TYPE_CHECKING:
    from bson import ObjectId

    from app.auth.principal import Principal, TokenLimits

MANAGEMENT = "api"
TOKEN_ACTIONS = ("read", "write", "delete")


def why_outside(limits: TokenLimits, *, door: str, action: str) -> str | None:
    """Return which limit this use is outside of, as a sentence; none if it is within."""
    if limits.protocols and door not in limits.protocols:
        return (
            f"This token is limited to {_listed(limits.protocols)}, and may not be used for {door}."
        )
    if limits.actions and action not in limits.actions:
        return (
            f"This token is limited to the actions {_listed(limits.actions)}; this needs {action}."
        )
    return None


def why_outside_organization(limits: TokenLimits, organization_id: ObjectId) -> str | None:
    """Return a sentence where the token is limited to other organizations."""
    if limits.organizations and str(organization_id) not in limits.organizations:
        return "This token is limited to other organizations."
    return None


def why_outside_packages(limits: TokenLimits, package: str | None) -> str | None:
    """Return a sentence where the token is limited to other packages.

    Args:
        limits: the token's.
        package: its normal name; none for what concerns a repository or an organization
            as a whole, which such a token may not touch.
    """
    if limits.packages and package not in limits.packages:
        # Its name as it would have to stand there: of a project of PyPI it is not that displayed.
        this = "" if package is None else f"; this is {package}"
        return f"This token is limited to the packages {_listed(limits.packages)}{this}."
    return None


def require_account_use(principal: Principal, *, door: str, action: str) -> None:
    """Make sure that the caller may use, or change, what belongs to their account.

    Reading it is open to any token that may read through this door. Changing it is not
    for tokens that are limited to organizations or packages: an account is in none.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: outside the token's limits.
    """
    if principal.is_anonymous:
        raise Unauthenticated
    limits = principal.limits
    reason = why_outside(limits, door=door, action=action)
    if reason is None and action != "read" and (limits.organizations or limits.packages):
        reason = (
            "This token is limited to organizations or packages, and may not change an account."
        )
    if reason is not None:
        raise Forbidden(reason)


def _listed(values: frozenset[str]) -> str:
    return ", ".join(sorted(values))
