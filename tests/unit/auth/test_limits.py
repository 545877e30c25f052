from __future__ import annotations

import pytest
from bson import ObjectId

from app.auth.limits import (
    MANAGEMENT,
    require_account_use,
    why_outside,
    why_outside_organization,
    why_outside_packages,
)
from app.auth.principal import ANONYMOUS, UNLIMITED, CredentialKind, Principal, TokenLimits
from app.errors import Forbidden, Unauthenticated

NPM = TokenLimits(protocols=frozenset({"npm", "cargo"}))
READ = TokenLimits(actions=frozenset({"read"}))
ACME = ObjectId()
IN_ACME = TokenLimits(organizations=frozenset({str(ACME)}))
LEFT_PAD = TokenLimits(packages=frozenset({"left-pad"}))


def with_limits(limits: TokenLimits) -> Principal:
    return Principal(user_id=ObjectId(), kind=CredentialKind.TOKEN, limits=limits)


def test_no_limits_keep_from_nothing() -> None:
    assert why_outside(UNLIMITED, door="pypi", action="delete") is None
    assert why_outside_organization(UNLIMITED, ACME) is None
    assert why_outside_packages(UNLIMITED, None) is None


def test_the_limit_is_named() -> None:
    assert why_outside(NPM, door="npm", action="write") is None
    assert why_outside(NPM, door="pypi", action="write") == (
        "This token is limited to cargo, npm, and may not be used for pypi."
    )
    assert why_outside(READ, door="npm", action="write") == (
        "This token is limited to the actions read; this needs write."
    )
    assert why_outside_organization(IN_ACME, ACME) is None
    assert why_outside_organization(IN_ACME, ObjectId()) is not None
    assert why_outside_packages(LEFT_PAD, "left-pad") is None
    assert why_outside_packages(LEFT_PAD, None) is not None


@pytest.mark.parametrize(
    ("limits", "door", "action", "is_allowed"),
    [
        (UNLIMITED, MANAGEMENT, "write", True),
        (NPM, MANAGEMENT, "read", False),
        (NPM, "npm", "write", True),
        (READ, "npm", "read", True),
        (READ, "npm", "write", False),
        (IN_ACME, "npm", "read", True),
        (IN_ACME, "npm", "write", False),
        (LEFT_PAD, "npm", "read", True),
        (LEFT_PAD, "npm", "delete", False),
    ],
)
def test_what_a_token_may_do_to_its_owners_account(
    *, limits: TokenLimits, door: str, action: str, is_allowed: bool
) -> None:
    principal = with_limits(limits)
    if is_allowed:
        require_account_use(principal, door=door, action=action)
    else:
        with pytest.raises(Forbidden, match="limited to"):
            require_account_use(principal, door=door, action=action)


def test_nobody_has_no_account() -> None:
    with pytest.raises(Unauthenticated):
        require_account_use(ANONYMOUS, door=MANAGEMENT, action="read")
