from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId

from app.auth import tokens, users
from app.auth.principal import ClientInfo, CredentialKind, Principal, TokenLimits
from app.auth.token_rules import TokenSpec
from app.errors import Forbidden, UnprocessableInput
from app.models import User
from app.models.fields import now

ORGANIZATION = str(ObjectId())


@pytest.fixture
def owner(alice: User) -> Principal:
    return users.principal_of(alice, CredentialKind.SESSION)


def limits(**kinds: str) -> TokenLimits:
    """Write limits as ``limits(protocols="npm cargo")``."""
    return TokenLimits(**{kind: frozenset(values.split()) for kind, values in kinds.items()})


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (TokenSpec(name=" "), "/name"),
        (TokenSpec(name="a" * 101), "/name"),
        (TokenSpec(name="a\nb"), "/name"),
        (TokenSpec(name="ci", limits=limits(actions="admin")), "/actions"),
        (TokenSpec(name="ci", expires_at=datetime(2020, 1, 1, tzinfo=UTC)), "/expires_at"),
        (TokenSpec(name="ci", networks=("10.0.0.0/8", "ten")), "/networks/1"),
    ],
)
def test_what_a_token_may_not_be(owner: Principal, spec: TokenSpec, field: str) -> None:
    with pytest.raises(UnprocessableInput) as refused:
        tokens.create(owner, spec)
    assert list(refused.value.fields) == [field]


TOMORROW = now() + timedelta(days=1)
LATER = now() + timedelta(days=2)


@pytest.mark.parametrize(
    ("own", "other", "refusal"),
    [
        (TokenSpec(name="a"), TokenSpec(name="b"), None),
        (TokenSpec(name="a"), TokenSpec(name="b", limits=limits(protocols="npm")), None),
        (
            TokenSpec(name="a", limits=limits(protocols="npm")),
            TokenSpec(name="b"),
            "limited to the protocols npm",
        ),
        (
            TokenSpec(name="a", limits=limits(protocols="npm")),
            TokenSpec(name="b", limits=limits(protocols="npm cargo")),
            "limited to the protocols npm",
        ),
        (
            TokenSpec(name="a", limits=limits(protocols="npm cargo")),
            TokenSpec(name="b", limits=limits(protocols="npm")),
            None,
        ),
        (
            TokenSpec(name="a", limits=limits(actions="read write")),
            TokenSpec(name="b", limits=limits(actions="read delete")),
            "limited to the actions read, write",
        ),
        (
            TokenSpec(name="a", limits=limits(organizations=ORGANIZATION)),
            TokenSpec(name="b"),
            "limited to the organizations",
        ),
        (
            TokenSpec(name="a", limits=limits(packages="left-pad")),
            TokenSpec(name="b", limits=limits(packages="right-pad")),
            "limited to the packages left-pad",
        ),
        (TokenSpec(name="a", expires_at=TOMORROW), TokenSpec(name="b"), "expires at"),
        (
            TokenSpec(name="a", expires_at=TOMORROW),
            TokenSpec(name="b", expires_at=LATER),
            "expires at",
        ),
        (TokenSpec(name="a", expires_at=LATER), TokenSpec(name="b", expires_at=TOMORROW), None),
        (
            TokenSpec(name="a", networks=("198.51.100.0/24",)),
            TokenSpec(name="b"),
            "limited to the networks 198.51.100.0/24",
        ),
        (
            TokenSpec(name="a", networks=("198.51.100.0/24",)),
            TokenSpec(name="b", networks=("198.51.0.0/16",)),
            "limited to the networks",
        ),
        (
            TokenSpec(name="a", networks=("198.51.100.0/24", "2001:db8::/32")),
            TokenSpec(name="b", networks=("198.51.100.7/32", "2001:db8:1::/48")),
            None,
        ),
    ],
)
def test_a_token_makes_and_rotates_none_that_may_more_than_itself(
    owner: Principal, client: ClientInfo, own: TokenSpec, other: TokenSpec, refusal: str | None
) -> None:
    user = tokens.authenticate(tokens.create(owner, own).secret, client)
    existing = tokens.create(owner, other)
    if refusal is None:
        assert tokens.create(user, other).token.name == "b"
        assert tokens.rotate(user, existing.token.id).token.id == existing.token.id
        tokens.revoke(user, existing.token.id)
        return
    with pytest.raises(Forbidden, match=refusal):
        tokens.create(user, other)
    with pytest.raises(Forbidden, match=refusal):
        tokens.rotate(user, existing.token.id)
    with pytest.raises(Forbidden, match=refusal):
        tokens.revoke(user, existing.token.id)
    assert tokens.authenticate(existing.secret, client).user_id == owner.user_id
