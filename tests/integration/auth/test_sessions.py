from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from bson import ObjectId
from flask_jwt_extended import create_access_token

from app import audit
from app.auth import sessions, signed_tokens
from app.auth.principal import ANONYMOUS, ClientInfo, CredentialKind, Principal
from app.errors import InvalidInput, NotFound, Unauthenticated
from app.models import AuditRecord, Session, User
from app.models.fields import now
from tests.integration.auth.people import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from app.auth.sessions import SignIn
    from app.coherence import Coherence


def principal_of(signed_in: SignIn) -> Principal:
    return sessions.principal_from(signed_in.access_token)


def is_alive(signed_in: SignIn) -> bool:
    try:
        return principal_of(signed_in).user_id is not None
    except Unauthenticated:
        return False


@pytest.mark.parametrize("identifier", ["alice", "Alice", "alice@acme.test", " ALICE@acme.test "])
def test_signing_in_by_username_or_email(alice: User, client: ClientInfo, identifier: str) -> None:
    signed_in = sessions.sign_in(identifier, PASSWORD, client)
    assert signed_in.expires_in == 900
    assert signed_in.user.id == alice.id
    principal = principal_of(signed_in)
    assert (principal.user_id, principal.username) == (alice.id, "alice")
    assert principal.kind is CredentialKind.SESSION
    assert principal.session_id is not None


def test_sign_ins_and_failures_are_audited(
    alice: User, client: ClientInfo, recorded: Callable[..., list[AuditRecord]]
) -> None:
    sessions.sign_in("alice", PASSWORD, client)
    for identifier in ("alice", "nobody"):
        with pytest.raises(Unauthenticated):
            sessions.sign_in(identifier, "wrong-password", client)
    done, failed, unknown = recorded(audit.AuditAction.AUTH_LOGIN)
    assert (done.result, done.actor["name"]) == ("success", "alice")
    assert (failed.result, failed.resource["id"]) == ("failed", str(alice.id))
    assert (unknown.result, unknown.resource["id"]) == ("failed", "")


def test_refreshing_rotates_and_the_session_goes_on(
    alice: User, client: ClientInfo, other_client: ClientInfo
) -> None:
    first = sessions.sign_in("alice", PASSWORD, client)
    second = sessions.refresh(first.refresh_token, other_client)
    third = sessions.refresh(second.refresh_token, other_client)
    assert principal_of(third).session_id == principal_of(first).session_id
    (session,) = Session.objects(user=alice.id)
    assert session.refresh_generation == 2
    assert session.ip == other_client.ip


def test_a_used_refresh_token_ends_the_session(
    alice: User, client: ClientInfo, recorded: Callable[..., list[AuditRecord]]
) -> None:
    del alice
    first = sessions.sign_in("alice", PASSWORD, client)
    second = sessions.refresh(first.refresh_token, client)
    with pytest.raises(Unauthenticated):
        sessions.refresh(first.refresh_token, client)
    assert not is_alive(second)
    with pytest.raises(Unauthenticated):
        sessions.refresh(second.refresh_token, client)
    assert len(recorded(audit.AuditAction.AUTH_REFRESH_REUSE)) == 1


def test_of_many_refreshes_with_one_token_at_most_one_succeeds(
    app: Flask, alice: User, client: ClientInfo
) -> None:
    del alice
    signed_in = sessions.sign_in("alice", PASSWORD, client)

    def refresh(_: int) -> SignIn | None:
        with app.app_context():
            try:
                return sessions.refresh(signed_in.refresh_token, client)
            except Unauthenticated:
                return None

    with ThreadPoolExecutor(8) as pool:
        renewed = [one for one in pool.map(refresh, range(8)) if one is not None]
    assert len(renewed) == 1
    assert not is_alive(renewed[0])


def test_tabs_that_share_a_refresh_token_are_all_renewed_with_one(
    app: Flask, alice: User, client: ClientInfo, recorded: Callable[..., list[AuditRecord]]
) -> None:
    signed_in = sessions.sign_in("alice", PASSWORD, client)

    def refresh(_: int) -> SignIn:
        with app.app_context():
            return sessions.refresh(signed_in.refresh_token, client, is_shared=True)

    with ThreadPoolExecutor(8) as pool:
        renewed = list(pool.map(refresh, range(8)))
    assert all(is_alive(one) for one in renewed)
    assert Session.objects(user=alice.id).get().refresh_generation == 1
    assert is_alive(sessions.refresh(renewed[-1].refresh_token, client))
    assert recorded(audit.AuditAction.AUTH_REFRESH_REUSE) == []


@pytest.mark.parametrize("is_later", [True, False], ids=["later", "after two renewals"])
def test_a_shared_refresh_token_that_is_older_ends_the_session(
    alice: User, client: ClientInfo, *, is_later: bool
) -> None:
    first = sessions.sign_in("alice", PASSWORD, client)
    last = sessions.refresh(first.refresh_token, client, is_shared=True)
    if is_later:
        Session.objects(user=alice.id).update(set__last_used_at=now() - timedelta(seconds=31))
    else:
        last = sessions.refresh(last.refresh_token, client, is_shared=True)
    with pytest.raises(Unauthenticated):
        sessions.refresh(first.refresh_token, client, is_shared=True)
    assert not is_alive(last)


def test_a_refresh_token_is_no_access_token_and_the_other_way_round(
    alice: User, client: ClientInfo
) -> None:
    del alice
    signed_in = sessions.sign_in("alice", PASSWORD, client)
    with pytest.raises(Unauthenticated):
        sessions.principal_from(signed_in.refresh_token)
    with pytest.raises(Unauthenticated):
        sessions.refresh(signed_in.access_token, client)


def test_signing_out_ends_the_session_at_once(
    alice: User, client: ClientInfo, remembering: Coherence
) -> None:
    del alice
    signed_in = sessions.sign_in("alice", PASSWORD, client)
    other = sessions.sign_in("alice", PASSWORD, client)
    assert is_alive(signed_in)
    hits = remembering.hits
    assert is_alive(signed_in)
    assert remembering.hits == hits + 1
    sessions.sign_out(principal_of(signed_in))
    assert not is_alive(signed_in)
    assert is_alive(other)
    with pytest.raises(Unauthenticated):
        sessions.refresh(signed_in.refresh_token, client)


@pytest.mark.usefixtures("app")
def test_only_a_session_can_be_signed_out_of() -> None:
    with pytest.raises(InvalidInput):
        sessions.sign_out(ANONYMOUS)


def test_an_expired_session_is_dead(alice: User, client: ClientInfo) -> None:
    signed_in = sessions.sign_in("alice", PASSWORD, client)
    Session.objects(user=alice.id).update(set__expires_at=now() - timedelta(seconds=1))
    assert not is_alive(signed_in)
    with pytest.raises(Unauthenticated):
        sessions.refresh(signed_in.refresh_token, client)


def test_an_access_token_is_not_remembered_beyond_its_expiry(
    alice: User, client: ClientInfo, remembering: Coherence
) -> None:
    session_id = principal_of(sessions.sign_in("alice", PASSWORD, client)).session_id
    expires_at = now().replace(microsecond=0) + timedelta(seconds=4)
    access_token = create_access_token(
        str(alice.id), additional_claims={"sid": session_id, "exp": expires_at}
    )
    assert sessions.principal_from(access_token).user_id == alice.id
    hits = remembering.hits
    while now() < expires_at:
        with suppress(Unauthenticated):  # it may expire between the question and the answer
            sessions.principal_from(access_token)
    assert remembering.hits > hits
    with pytest.raises(Unauthenticated):
        sessions.principal_from(access_token)


def test_an_access_token_names_its_own_user_only(
    alice: User, make_user: Callable[..., User], client: ClientInfo
) -> None:
    del alice
    signed_in = sessions.sign_in("alice", PASSWORD, client)
    session_id = ObjectId(principal_of(signed_in).session_id)
    bob = make_user("bob")
    forged = signed_tokens.issue_access(user_id=bob.id, session_id=session_id)
    with pytest.raises(Unauthenticated):
        sessions.principal_from(forged)


def test_sessions_are_listed_and_ended_by_their_owner_or_an_admin(
    alice: User, make_user: Callable[..., User], root: Principal, client: ClientInfo
) -> None:
    make_user("bob")
    first, second = (sessions.sign_in("alice", PASSWORD, client) for _ in range(2))
    bob = principal_of(sessions.sign_in("bob", PASSWORD, client))
    mine = sessions.list_sessions(principal_of(first), alice.id)
    assert [str(one.id) for one in mine] == [
        principal_of(second).session_id,
        principal_of(first).session_id,
    ]
    with pytest.raises(NotFound):
        sessions.list_sessions(bob, alice.id)
    with pytest.raises(NotFound):
        sessions.end_session(bob, mine[0].id)
    sessions.end_session(principal_of(first), mine[0].id)
    assert not is_alive(second)
    sessions.end_session(root, mine[1].id)
    assert not is_alive(first)
    assert sessions.list_sessions(root, alice.id) == []
    with pytest.raises(NotFound):
        sessions.end_session(root, mine[1].id)
