from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.auth.local_accounts import check
from app.auth.principal import ClientInfo
from app.errors import TooManyRequests, Unauthenticated
from app.models import User
from tests.integration.auth.people import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask


@pytest.mark.parametrize(
    ("identifier", "password"),
    [
        ("alice", "wrong-password"),
        ("alice", ""),
        ("nobody", PASSWORD),
        ("nobody@acme.test", PASSWORD),
        ("", PASSWORD),
        ("\ud800\0", "\ud800\0"),
        ("no-password", ""),
    ],
)
def test_whatever_is_wrong_the_answer_is_the_same(
    make_user: Callable[..., User], client: ClientInfo, identifier: str, password: str
) -> None:
    make_user("alice")
    make_user("no-password", password=None)
    with pytest.raises(Unauthenticated) as refused:
        check(identifier, password, client, method="login")
    assert refused.value.wrong_credentials
    assert refused.value.message == "Incorrect username or password."


def test_after_ten_failures_even_the_right_password_waits_but_not_from_elsewhere(
    alice: User, client: ClientInfo, other_client: ClientInfo
) -> None:
    del alice
    for _ in range(10):
        with pytest.raises(Unauthenticated):
            check("alice", "wrong-password", client, method="login")
    with pytest.raises(TooManyRequests) as refused:
        check("alice", PASSWORD, client, method="login")
    assert refused.value.retry_after_seconds is not None
    assert 0 < refused.value.retry_after_seconds <= 15
    assert check("alice", PASSWORD, other_client, method="login").username == "alice"


@pytest.mark.usefixtures("app")
def test_an_unknown_account_is_slowed_down_like_a_known_one(client: ClientInfo) -> None:
    for _ in range(10):
        with pytest.raises(Unauthenticated):
            check("nobody", "wrong-password", client, method="login")
    with pytest.raises(TooManyRequests):
        check("nobody", "wrong-password", client, method="login")


def test_a_password_kept_with_fewer_iterations_is_kept_anew_at_sign_in(
    app: Flask, alice: User, client: ClientInfo
) -> None:
    settings = app.extensions["packhouse.settings"]
    app.extensions["packhouse.settings"] = settings.model_copy(update={"password_iterations": 1500})
    check("alice", PASSWORD, client, method="login")
    renewed = User.objects(id=alice.id).get().password_hash
    assert renewed.startswith("pbkdf2_sha256$1500$")
    assert check("alice", PASSWORD, client, method="login").id == alice.id
