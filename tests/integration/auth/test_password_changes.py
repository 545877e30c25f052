from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bson import ObjectId

from app import audit
from app.auth import password_changes, sessions, users
from app.auth.principal import ANONYMOUS, ClientInfo, Principal
from app.errors import NotFound, Unauthenticated, UnprocessableInput
from app.models import AuditRecord, User
from tests.integration.auth.people import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.auth.sessions import SignIn
    from app.coherence import Coherence

NEW_PASSWORD = "walrus-teapot-ladder"  # noqa: S105  of people who do not exist


def principal_of(signed_in: SignIn) -> Principal:
    return sessions.principal_from(signed_in.access_token)


def is_alive(signed_in: SignIn) -> bool:
    try:
        return principal_of(signed_in).user_id is not None
    except Unauthenticated:
        return False


def test_changing_the_password_ends_the_other_sessions_at_once(
    alice: User,
    client: ClientInfo,
    remembering: Coherence,
    recorded: Callable[..., list[AuditRecord]],
) -> None:
    del remembering
    mine, other = (sessions.sign_in("alice", PASSWORD, client) for _ in range(2))
    assert is_alive(mine)
    assert is_alive(other)
    password_changes.change_password(principal_of(mine), PASSWORD, NEW_PASSWORD, client)
    assert is_alive(mine)
    assert not is_alive(other)
    with pytest.raises(Unauthenticated):
        sessions.sign_in("alice", PASSWORD, client)
    assert is_alive(sessions.sign_in("alice", NEW_PASSWORD, client))
    (event,) = recorded(audit.AuditAction.PASSWORD_CHANGE)
    assert event.resource["id"] == str(alice.id)


def test_changing_needs_the_current_password_and_a_good_new_one(
    alice: User, client: ClientInfo
) -> None:
    del alice
    principal = principal_of(sessions.sign_in("alice", PASSWORD, client))
    with pytest.raises(UnprocessableInput) as refused:
        password_changes.change_password(principal, "wrong-password", NEW_PASSWORD, client)
    assert list(refused.value.fields) == ["/current_password"]
    with pytest.raises(UnprocessableInput) as refused:
        password_changes.change_password(principal, PASSWORD, "alice-2024-alice", client)
    assert list(refused.value.fields) == ["/new_password"]
    with pytest.raises(Unauthenticated):
        password_changes.change_password(ANONYMOUS, PASSWORD, NEW_PASSWORD, client)


def test_a_session_begun_with_the_old_password_does_not_outlive_its_change(
    alice: User, client: ClientInfo
) -> None:
    principal = principal_of(sessions.sign_in("alice", PASSWORD, client))
    read_before = users.by_id(alice.id)
    assert read_before is not None
    password_changes.change_password(principal, PASSWORD, NEW_PASSWORD, client)
    with pytest.raises(Unauthenticated):
        sessions.begin(read_before, client)


def test_an_admin_gives_a_new_password_which_ends_all_sessions(
    alice: User, root: Principal, client: ClientInfo
) -> None:
    signed_in = sessions.sign_in("alice", PASSWORD, client)
    password_changes.reset_password(root, alice.id, NEW_PASSWORD)
    assert not is_alive(signed_in)
    assert is_alive(sessions.sign_in("alice", NEW_PASSWORD, client))
    with pytest.raises(NotFound):
        password_changes.reset_password(root, ObjectId(), NEW_PASSWORD)
