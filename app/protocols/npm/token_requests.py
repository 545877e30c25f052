"""What ``npm token create`` asks for, as the limits that this registry knows.

npm grants one thing to packages and scopes and another to the management of organizations;
here one permission holds for all that a token reaches. What cannot be said that way is
refused: a token that may more than its maker asked for would be found out too late.

Spec: npm 11, "npm token create"; npm 10 knows ``readonly`` and ``cidr_whitelist`` only.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from app import access
from app.auth.principal import Principal, TokenLimits
from app.auth.token_rules import TokenSpec
from app.errors import InvalidInput
from app.protocols.npm import names
from app.protocols.npm.identity import PROTOCOL_NAME
from app.registry.repositories import organization_by_slug

_MOST_DAYS = 3650
_READING = frozenset({"read"})
_EVERYTHING: frozenset[str] = frozenset()
_PERMISSIONS = {"read-only": _READING, "read-write": _EVERYTHING}


def spec_of(principal: Principal, body: Mapping[str, Any]) -> TokenSpec:
    """Read what a token is to be.

    Args:
        principal: whose it will be; it is limited to organizations that they may know of.
        body: what npm sent.

    Raises:
        InvalidInput: it is not what npm sends, or asks for a limit that is not known here.
    """
    if _texts(body, "scopes"):
        raise InvalidInput(
            "This registry cannot limit a token to scopes. Limit it to packages (--packages), or "
            "to the organizations that hold the scopes (--orgs)."
        )
    return TokenSpec(
        name=str(body.get("name") or f"npm token {datetime.now(UTC):%Y-%m-%d %H:%M}"),
        limits=TokenLimits(
            protocols=frozenset({PROTOCOL_NAME}),
            actions=_actions(body),
            organizations=frozenset(
                _organization_id(principal, one) for one in _texts(body, "orgs")
            ),
            packages=_packages(body),
        ),
        networks=_texts(body, "cidr_whitelist"),
        expires_at=_expiry(body.get("expires")),
    )


def _actions(body: Mapping[str, Any]) -> frozenset[str]:
    wanted = {
        _permission(member, body[member])
        for member in ("packages_and_scopes_permission", "orgs_permission")
        if body.get(member) is not None
    }
    if len(wanted) > 1:
        raise InvalidInput(
            "A token of this registry has one permission for packages and organizations. Say the "
            "same for both, or make two tokens."
        )
    is_for_reading = body.get("readonly")
    if is_for_reading not in (None, False, True):
        raise InvalidInput("'readonly' must be true or false.")
    return _READING if is_for_reading else next(iter(wanted), _EVERYTHING)


def _permission(member: str, value: object) -> frozenset[str]:
    if not isinstance(value, str) or value not in _PERMISSIONS:
        raise InvalidInput(
            f"'{member}' can be {' or '.join(_PERMISSIONS)} in this registry. It stages no "
            "releases, and keeps a token from what it must not reach by --packages or --orgs."
        )
    return _PERMISSIONS[value]


def _packages(body: Mapping[str, Any]) -> frozenset[str]:
    listed = _texts(body, "packages")
    if listed and body.get("packages_all"):
        raise InvalidInput("Limit a token to some packages, or let it reach all; not both.")
    return frozenset(names.parse_new_name(one).full for one in listed)


def _organization_id(principal: Principal, slug: str) -> str:
    organization = organization_by_slug(slug.removeprefix("@"))
    if organization is None or not access.may_see_organization(principal, organization.id):
        raise InvalidInput(f"There is no organization {slug}.")
    return str(organization.id)


def _texts(body: Mapping[str, Any], member: str) -> tuple[str, ...]:
    listed = body.get(member) or []
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise InvalidInput(f"'{member}' must be a list of texts.")
    return tuple(listed)


def _expiry(days: object) -> datetime | None:
    if days is None:
        return None
    if not isinstance(days, int) or isinstance(days, bool) or not 0 < days <= _MOST_DAYS:
        raise InvalidInput(f"'expires' must be a number of days from 1 to {_MOST_DAYS}.")
    return datetime.now(UTC) + timedelta(days=days)
