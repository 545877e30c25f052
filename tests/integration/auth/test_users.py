from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from bson import ObjectId

from app import audit
from app.auth import sessions, tokens, users
from app.auth.principal import ANONYMOUS, ClientInfo, CredentialKind, Principal, TokenLimits
from app.auth.token_rules import TokenSpec
from app.auth.users import NewUser, UserChanges
from app.errors import Conflict, Forbidden, NotFound, Unauthenticated, UnprocessableInput
from app.models import AuditRecord, User
from tests.integration.auth.people import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from app.coherence import Coherence


def signed_in(user: User) -> Principal:
    return users.principal_of(user, CredentialKind.SESSION)


def new_user(**fields: Any) -> NewUser:
    values: dict[str, Any] = {
        "email": "Carol@Acme.test",
        "username": "carol",
        "password": PASSWORD,
    }
    return NewUser(**values | fields)


def test_an_admin_makes_a_user(root: Principal, recorded: Callable[..., list[AuditRecord]]) -> None:
    carol = users.create(root, new_user(display_name=" Carol C. "))
    assert (carol.username, carol.email) == ("carol", "carol@acme.test")
    assert carol.display_name == "Carol C."
    assert carol.password_hash.startswith("pbkdf2_sha256$")
    assert not carol.is_platform_admin
    event = recorded(audit.AuditAction.USER_CREATE)[-1]
    assert (event.actor["name"], event.resource["name"]) == ("root-admin", "carol")


def test_every_user_has_a_small_number_of_their_own(make_user: Callable[..., User]) -> None:
    numbers = [make_user(name).number for name in ("ann", "bob", "cid")]
    assert numbers == sorted(set(numbers))
    assert all(0 < number < 1000 for number in numbers)


def test_only_platform_admins_make_users(alice: User) -> None:
    with pytest.raises(Forbidden):
        users.create(signed_in(alice), new_user())
    with pytest.raises(Unauthenticated):
        users.create(ANONYMOUS, new_user())


@pytest.mark.parametrize(
    "limits",
    [
        TokenLimits(protocols=frozenset({"npm"})),
        TokenLimits(actions=frozenset({"read"})),
        TokenLimits(organizations=frozenset({str(ObjectId())})),
        TokenLimits(packages=frozenset({"left-pad"})),
    ],
    ids=["protocols", "actions", "organizations", "packages"],
)
def test_an_admins_limited_token_makes_none(
    root: Principal, client: ClientInfo, limits: TokenLimits
) -> None:
    issued = tokens.create(root, TokenSpec(name="ci", limits=limits))
    with pytest.raises(Forbidden, match="token is limited"):
        users.create(tokens.authenticate(issued.secret, client), new_user())


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"username": "Carol"}, "/username"),
        ({"username": "c"}, "/username"),
        ({"email": "carol"}, "/email"),
        ({"email": "a@b@c"}, "/email"),
        ({"password": "too short"}, "/password"),
        ({"password": "carol-carol-1"}, "/password"),
        ({"display_name": "x" * 201}, "/display_name"),
        ({"display_name": "a\0b"}, "/display_name"),
    ],
)
def test_what_a_user_may_not_be(root: Principal, fields: dict[str, str], pointer: str) -> None:
    with pytest.raises(UnprocessableInput) as refused:
        users.create(root, new_user(**fields))
    assert list(refused.value.fields) == [pointer]
    assert users.by_identifier("carol") is None


@pytest.mark.parametrize(
    ("fields", "what"),
    [({"username": "other"}, "e-mail address"), ({"email": "other@acme.test"}, "username")],
)
def test_names_and_addresses_are_taken_once(
    root: Principal, fields: dict[str, str], what: str
) -> None:
    users.create(root, new_user())
    with pytest.raises(Conflict, match=what):
        users.create(root, new_user(**fields))


def test_registration_is_off_unless_the_platform_says_so(app: Flask) -> None:
    with pytest.raises(Forbidden):
        users.register(new_user())
    settings = app.extensions["packhouse.settings"]
    app.extensions["packhouse.settings"] = settings.model_copy(update={"allow_registration": True})
    assert users.register(new_user()).username == "carol"
    with pytest.raises(Forbidden):
        users.register(new_user(username="eve", is_platform_admin=True))


def test_users_are_found_by_id_username_and_address(alice: User) -> None:
    for reference in (str(alice.id), "alice", "ALICE", "alice@acme.test"):
        found = users.by_reference(reference)
        assert found is not None
        assert found.id == alice.id
    for reference in (str(ObjectId()), "bob", "", "\0", "bob@acme.test"):
        assert users.by_reference(reference) is None


def test_a_username_that_looks_like_an_id_is_still_found(make_user: Callable[..., User]) -> None:
    user = make_user("0123456789abcdef01234567")
    found = users.by_reference("0123456789abcdef01234567")
    assert found is not None
    assert found.id == user.id


def test_people_change_their_own_record(
    alice: User, remembering: Coherence, client: ClientInfo
) -> None:
    del remembering
    access = sessions.sign_in("alice", PASSWORD, client).access_token
    assert sessions.principal_from(access).display_name == ""
    users.update(
        sessions.principal_from(access),
        alice.id,
        UserChanges(email="Alice@Acme.test", username="alicia", display_name="Alice L."),
    )
    principal = sessions.principal_from(access)
    assert (principal.username, principal.display_name) == ("alicia", "Alice L.")


def test_an_address_that_nobody_has_checked_is_given_by_an_admin(
    alice: User, root: Principal, make_user: Callable[..., User]
) -> None:
    bob = make_user("bob")
    with pytest.raises(Forbidden, match="change an e-mail address"):
        users.update(
            signed_in(alice), alice.id, UserChanges(email="ceo@acme.test", display_name="x")
        )
    found = users.by_id(alice.id)
    assert found is not None
    assert (found.email, found.display_name) == ("alice@acme.test", "")
    assert users.update(root, alice.id, UserChanges(email="A@acme.test")).email == "a@acme.test"
    with pytest.raises(Conflict, match="e-mail address"):
        users.update(root, bob.id, UserChanges(email="a@acme.test"))


def test_nobody_changes_another_or_gives_themselves_power(
    alice: User, make_user: Callable[..., User], recorded: Callable[..., list[AuditRecord]]
) -> None:
    bob = make_user("bob")
    with pytest.raises(NotFound):
        users.update(signed_in(alice), bob.id, UserChanges(display_name="x"))
    with pytest.raises(Forbidden):
        users.update(signed_in(alice), alice.id, UserChanges(is_platform_admin=True))
    with pytest.raises(Forbidden):
        users.update(signed_in(alice), alice.id, UserChanges(is_active=False))
    with pytest.raises(Unauthenticated):
        users.update(ANONYMOUS, alice.id, UserChanges(display_name="x"))
    users.update(signed_in(alice), alice.id, UserChanges(is_platform_admin=False, is_active=True))
    denied = recorded(audit.AuditAction.ACCESS_DENIED)
    assert [event.actor["name"] for event in denied] == ["alice", "alice", "alice"]


def test_what_is_taken_or_malformed_changes_nothing(
    alice: User, make_user: Callable[..., User]
) -> None:
    make_user("bob")
    with pytest.raises(Conflict, match="username"):
        users.update(signed_in(alice), alice.id, UserChanges(username="bob", display_name="x"))
    with pytest.raises(UnprocessableInput):
        users.update(signed_in(alice), alice.id, UserChanges(username="-"))
    found = users.by_id(alice.id)
    assert found is not None
    assert (found.email, found.username, found.display_name) == ("alice@acme.test", "alice", "")


def test_closing_an_account_ends_its_sessions_and_tokens_at_once_and_for_good(
    alice: User, root: Principal, client: ClientInfo, remembering: Coherence
) -> None:
    del remembering
    session = sessions.sign_in("alice", PASSWORD, client)
    token = tokens.create(signed_in(alice), TokenSpec(name="ci"))
    assert sessions.principal_from(session.access_token).user_id == alice.id
    assert tokens.authenticate(token.secret, client).user_id == alice.id

    users.deactivate(root, alice.id)
    assert_dead(session.access_token, token.secret, client)
    with pytest.raises(Unauthenticated):
        sessions.refresh(session.refresh_token, client)
    with pytest.raises(Unauthenticated):
        sessions.sign_in("alice", PASSWORD, client)
    with pytest.raises(NotFound):
        users.deactivate(root, alice.id)

    users.update(root, alice.id, UserChanges(is_active=True))
    assert_dead(session.access_token, token.secret, client)
    assert sessions.sign_in("alice", PASSWORD, client).user.id == alice.id


def assert_dead(access_token: str, token: str, client: ClientInfo) -> None:
    with pytest.raises(Unauthenticated):
        sessions.principal_from(access_token)
    with pytest.raises(Unauthenticated):
        tokens.authenticate(token, client)


def test_a_promotion_is_seen_at_once(
    alice: User, root: Principal, client: ClientInfo, remembering: Coherence
) -> None:
    del remembering
    access = sessions.sign_in("alice", PASSWORD, client).access_token
    assert not sessions.principal_from(access).is_platform_admin
    users.update(root, alice.id, UserChanges(is_platform_admin=True))
    assert sessions.principal_from(access).is_platform_admin


def test_the_last_active_platform_admin_stays(
    root: Principal, make_user: Callable[..., User]
) -> None:
    closed = make_user("closed", is_platform_admin=True)
    users.deactivate(root, closed.id)
    with pytest.raises(Conflict):
        users.deactivate(root, root.user)
    for change in (UserChanges(is_platform_admin=False), UserChanges(is_active=False)):
        with pytest.raises(Conflict):
            users.update(root, root.user, change)
    found = users.by_id(root.user)
    assert found is not None
    assert found.is_platform_admin
    assert found.is_active
    make_user("second", is_platform_admin=True)
    users.deactivate(root, root.user)


def test_admins_who_demote_and_close_each_other_at_the_same_moment_leave_one(
    app: Flask, make_user: Callable[..., User]
) -> None:
    admins = [make_user(f"admin-{number}", is_platform_admin=True) for number in range(6)]

    def remove_the_others(number: int) -> None:
        with app.app_context():
            for other in admins[number + 1 :] + admins[:number]:
                try:
                    if number % 2:
                        users.deactivate(signed_in(admins[number]), other.id)
                    else:
                        change = UserChanges(is_platform_admin=False)
                        users.update(signed_in(admins[number]), other.id, change)
                except (Conflict, NotFound):
                    continue

    with ThreadPoolExecutor(len(admins)) as pool:
        list(pool.map(remove_the_others, range(len(admins))))
    assert User.objects(is_platform_admin=True, is_active=True).count() == 1
