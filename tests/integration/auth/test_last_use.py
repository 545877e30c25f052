from __future__ import annotations

from datetime import timedelta

import pytest

from app.auth import last_use, tokens, users
from app.auth.principal import ClientInfo, CredentialKind, Principal
from app.auth.token_rules import TokenSpec
from app.models import ApiToken, User
from app.models.fields import now


@pytest.fixture
def owner(alice: User) -> Principal:
    return users.principal_of(alice, CredentialKind.SESSION)


def test_the_last_use_is_written_by_the_next_flush_only(
    owner: Principal, client: ClientInfo, other_client: ClientInfo
) -> None:
    issued = tokens.create(owner, TokenSpec(name="ci"))
    unused = tokens.create(owner, TokenSpec(name="unused"))
    tokens.authenticate(issued.secret, other_client)
    tokens.authenticate(issued.secret, client)
    assert tokens.get(owner, issued.token.id).last_used_at is None
    assert last_use.flush() == 1
    used = tokens.get(owner, issued.token.id)
    assert abs(used.last_used_at - now()) < timedelta(minutes=1)
    assert (used.last_used_ip, used.last_used_client) == (client.ip, client.user_agent)
    assert tokens.get(owner, unused.token.id).last_used_at is None
    assert last_use.flush() == 0


def test_a_later_use_seen_by_another_process_is_kept(owner: Principal, client: ClientInfo) -> None:
    issued = tokens.create(owner, TokenSpec(name="ci"))
    tokens.authenticate(issued.secret, client)
    later = now() + timedelta(seconds=30)
    ApiToken.objects(id=issued.token.id).update(
        set__last_used_at=later, set__last_used_ip="192.0.2.1"
    )
    last_use.flush()
    assert tokens.get(owner, issued.token.id).last_used_ip == "192.0.2.1"
