from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.auth import sessions, tokens, users
from app.auth.authentication import authenticate, read_authorization_header
from app.auth.principal import ClientInfo, CredentialKind, Principal
from app.auth.token_rules import TokenSpec
from app.errors import Unauthenticated
from tests.integration.auth.people import PASSWORD

if TYPE_CHECKING:
    from app.models import User


def caller(header: str, client: ClientInfo) -> Principal:
    return authenticate(read_authorization_header(header), client)


@pytest.mark.parametrize("scheme", ["Bearer ", "token ", ""])
def test_an_api_token_leads_to_its_owner(alice: User, client: ClientInfo, scheme: str) -> None:
    owner = users.principal_of(alice, CredentialKind.SESSION)
    issued = tokens.create(owner, TokenSpec(name="ci"))
    principal = caller(scheme + issued.secret, client)
    assert (principal.user_id, principal.kind) == (alice.id, CredentialKind.TOKEN)


def test_an_access_token_leads_to_whom_signed_in(alice: User, client: ClientInfo) -> None:
    access_token = sessions.sign_in("alice", PASSWORD, client).access_token
    principal = caller(f"Bearer {access_token}", client)
    assert (principal.user_id, principal.kind) == (alice.id, CredentialKind.SESSION)


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("secret", ["a.b.c", "srg_short", "x", "srg_" + "0" * 36])
def test_wrong_credentials_are_never_taken_for_anonymous(client: ClientInfo, secret: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        caller(f"Bearer {secret}", client)
    assert refused.value.wrong_credentials
