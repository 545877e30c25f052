from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from bson import ObjectId

from app import audit
from app.auth import token_format, tokens, users
from app.auth.principal import ANONYMOUS, ClientInfo, CredentialKind, Principal, TokenLimits
from app.auth.token_rules import TokenSpec
from app.errors import Forbidden, NotFound, Unauthenticated
from app.models import ApiToken, AuditRecord, User
from app.models.fields import now

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.auth.tokens import IssuedToken
    from app.coherence import Coherence

ORGANIZATION = str(ObjectId())


@pytest.fixture
def owner(alice: User) -> Principal:
    return users.principal_of(alice, CredentialKind.SESSION)


def limits(**kinds: str) -> TokenLimits:
    """Write limits as ``limits(protocols="npm cargo")``."""
    return TokenLimits(**{kind: frozenset(values.split()) for kind, values in kinds.items()})


def is_good(issued: IssuedToken, client: ClientInfo) -> bool:
    try:
        return tokens.authenticate(issued.secret, client).user_id is not None
    except Unauthenticated:
        return False


def test_a_token_speaks_for_its_owner_within_its_limits(
    owner: Principal, client: ClientInfo
) -> None:
    narrow = limits(
        protocols="npm api", actions="read write", organizations=ORGANIZATION, packages="left-pad"
    )
    issued = tokens.create(owner, TokenSpec(name="ci", limits=narrow))
    principal = tokens.authenticate(issued.secret, client)
    assert (principal.user_id, principal.username) == (owner.user_id, "alice")
    assert principal.kind is CredentialKind.TOKEN
    assert principal.token_id == str(issued.token.id)
    assert principal.limits == narrow


def test_only_the_digest_and_the_beginning_are_kept(owner: Principal) -> None:
    issued = tokens.create(owner, TokenSpec(name=" ci "))
    row = ApiToken.objects(id=issued.token.id).as_pymongo().get()
    assert row["name"] == "ci"
    assert row["digest"] == token_format.digest(issued.secret)
    assert row["prefix"] == issued.secret[:8]
    assert issued.secret[8:] not in repr(row)
    assert issued.secret not in repr(issued)


def test_what_is_no_token_is_refused(owner: Principal, client: ClientInfo) -> None:
    issued = tokens.create(owner, TokenSpec(name="ci"))
    for text in ("srg_", token_format.new_token(), issued.secret[:-1], issued.secret.upper()):
        with pytest.raises(Unauthenticated) as refused:
            tokens.authenticate(text, client)
        assert refused.value.wrong_credentials


def test_revoking_ends_a_token_at_once(
    owner: Principal, client: ClientInfo, remembering: Coherence
) -> None:
    issued = tokens.create(owner, TokenSpec(name="ci"))
    assert is_good(issued, client)
    hits = remembering.hits
    assert is_good(issued, client)
    assert remembering.hits == hits + 1
    tokens.revoke(owner, issued.token.id)
    assert not is_good(issued, client)
    with pytest.raises(NotFound):
        tokens.revoke(owner, issued.token.id)


def test_rotating_gives_a_new_secret_and_ends_the_old_one(
    owner: Principal, client: ClientInfo, remembering: Coherence
) -> None:
    del remembering
    spec = TokenSpec(name="ci", limits=limits(protocols="npm"))
    old = tokens.create(owner, spec)
    assert is_good(old, client)
    renewed = tokens.rotate(owner, old.token.id)
    assert not is_good(old, client)
    assert tokens.authenticate(renewed.secret, client).limits == spec.limits
    assert renewed.token.id == old.token.id
    assert renewed.token.prefix == renewed.secret[:8]


def test_a_closed_account_takes_its_tokens_with_it(
    owner: Principal, root: Principal, client: ClientInfo, remembering: Coherence
) -> None:
    del remembering
    issued = tokens.create(owner, TokenSpec(name="ci"))
    assert is_good(issued, client)
    users.deactivate(root, owner.user)
    assert not is_good(issued, client)


def test_an_expired_token_is_refused(
    owner: Principal, client: ClientInfo, remembering: Coherence
) -> None:
    del remembering
    moment = now() + timedelta(hours=1)
    issued = tokens.create(owner, TokenSpec(name="ci", expires_at=moment))
    assert is_good(issued, client)
    expired = tokens.create(owner, TokenSpec(name="ci", expires_at=moment))
    ApiToken.objects(id=expired.token.id).update(set__expires_at=now() - timedelta(seconds=1))
    with pytest.raises(Unauthenticated, match="expired"):
        tokens.authenticate(expired.secret, client)


def test_a_token_is_not_remembered_beyond_its_expiry(
    owner: Principal, client: ClientInfo, remembering: Coherence
) -> None:
    issued = tokens.create(owner, TokenSpec(name="ci", expires_at=now() + timedelta(seconds=3)))
    assert is_good(issued, client)
    while now() <= issued.token.expires_at:
        is_good(issued, client)
    assert not is_good(issued, client)
    assert remembering.holds_lease


@pytest.mark.parametrize(
    ("address", "is_inside"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("2001:db8::7", True), ("11.0.0.1", False)],
)
def test_a_token_for_networks_is_good_there_only(
    owner: Principal, address: str, *, is_inside: bool
) -> None:
    spec = TokenSpec(name="ci", networks=("10.0.0.0/8", "2001:db8::/32"))
    issued = tokens.create(owner, spec)
    if is_inside:
        assert is_good(issued, ClientInfo(ip=address))
    else:
        with pytest.raises(Forbidden, match="limited to other networks"):
            tokens.authenticate(issued.secret, ClientInfo(ip=address))


@pytest.mark.usefixtures("app")
def test_nobody_gets_a_token_without_signing_in() -> None:
    with pytest.raises(Unauthenticated):
        tokens.create(ANONYMOUS, TokenSpec(name="ci"))


def test_a_token_may_always_end_itself(owner: Principal, client: ClientInfo) -> None:
    issued = tokens.create(owner, TokenSpec(name="ci", limits=limits(actions="read")))
    tokens.revoke(tokens.authenticate(issued.secret, client), issued.token.id)
    assert not is_good(issued, client)


def test_signing_out_with_the_secret_is_for_its_owner(
    owner: Principal, make_user: Callable[..., User], client: ClientInfo
) -> None:
    issued = tokens.create(owner, TokenSpec(name="npm login"))
    bob = users.principal_of(make_user("bob"), CredentialKind.SESSION)
    for principal, error in ((bob, NotFound), (ANONYMOUS, Unauthenticated)):
        with pytest.raises(error):
            tokens.revoke_secret(principal, issued.secret)
    tokens.revoke_secret(owner, issued.secret)
    assert not is_good(issued, client)
    with pytest.raises(NotFound):
        tokens.revoke_secret(owner, issued.secret)


def test_tokens_are_listed_newest_first_in_pages(owner: Principal) -> None:
    made = [tokens.create(owner, TokenSpec(name=f"t{number}")).token.id for number in range(5)]
    tokens.revoke(owner, made[2])
    first = tokens.list_tokens(owner, owner=owner.user, limit=2)
    rest = tokens.list_tokens(owner, owner=owner.user, before=first[-1].id)
    assert [one.name for one in first] == ["t4", "t3"]
    assert [one.name for one in rest] == ["t1", "t0"]


def test_tokens_of_others_are_for_platform_admins(
    owner: Principal, make_user: Callable[..., User], root: Principal, client: ClientInfo
) -> None:
    issued = tokens.create(owner, TokenSpec(name="ci"))
    bob = users.principal_of(make_user("bob"), CredentialKind.SESSION)
    with pytest.raises(NotFound):
        tokens.get(bob, issued.token.id)
    with pytest.raises(NotFound):
        tokens.list_tokens(bob, owner=owner.user)
    with pytest.raises(Forbidden):
        tokens.list_tokens(bob, owner=None)
    with pytest.raises(NotFound):
        tokens.revoke(bob, issued.token.id)
    with pytest.raises(NotFound):
        tokens.rotate(root, issued.token.id)
    assert [one.id for one in tokens.list_tokens(root, owner=None)] == [issued.token.id]
    assert tokens.get(root, issued.token.id).name == "ci"
    tokens.revoke(root, issued.token.id)
    assert not is_good(issued, client)


def test_what_is_done_with_tokens_is_audited(
    owner: Principal, recorded: Callable[..., list[AuditRecord]]
) -> None:
    issued = tokens.create(owner, TokenSpec(name="ci"))
    tokens.rotate(owner, issued.token.id)
    tokens.revoke(owner, issued.token.id)
    for action in ("TOKEN_CREATE", "TOKEN_ROTATE", "TOKEN_REVOKE"):
        (event,) = recorded(audit.AuditAction[action])
        assert (event.actor["name"], event.resource["id"]) == ("alice", str(issued.token.id))
