from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from bson import ObjectId
from pymongo.errors import WriteError

from app.auth import sessions
from app.errors import PreconditionFailed
from app.models import ApiToken, Package, Session, User
from app.models.fields import now
from app.models.rows import rows_of
from app.registry import accounts, session_management, token_management
from app.registry.accounts import AccountContent, AccountView
from app.registry.session_management import SessionView
from app.registry.token_management import TokenView
from tests.core_app import CLIENT
from tests.world import PASSWORD

if TYPE_CHECKING:
    from tests.world import Person, World


def _own(*people: Person) -> None:
    """Give each of some people 800 packages, in turn."""
    template = {"protocol": "npm", "organization": ObjectId(), "repository": ObjectId()}
    rows_of(Package).insert_many(
        {
            **template,
            "name": f"thing-{number}",
            "display_name": f"thing-{number}",
            "revision": 1,
            "owners": [people[number % len(people)].user.id],
            "starred_by": [people[0].user.id] if number % 4 == 1 else [],
        }
        for number in range(800 * len(people))
    )


def _become_alicia(current: AccountView) -> AccountContent:
    return AccountContent(email=current.email, username="alicia")


def test_a_new_name_reaches_very_many_packages(world: World) -> None:
    alice, bob = world.person("alice"), world.person("bob")
    with world.context():
        _own(alice, bob)
        renamed = accounts.update_account(alice.principal, "alice", _become_alicia)
        assert renamed.username == "alicia"
        assert rows_of(Package).count_documents({"revision": 2}) == 1200
        assert rows_of(Package).count_documents({"revision": 1}) == 400


def test_a_rename_that_ended_half_way_is_finished_by_the_next_attempt(world: World) -> None:
    alice = world.person("alice")
    with world.context():
        _own(alice)
        # MongoDB cannot add to a text, so that the second batch fails like a lost connection.
        rows_of(Package).update_one({"name": "thing-700"}, {"$set": {"revision": "one"}})
        with pytest.raises(WriteError):
            accounts.update_account(alice.principal, "alice", _become_alicia)
        assert User.objects.get().username == "alicia"
        assert rows_of(Package).count_documents({"revision": 2}) == 500
        rows_of(Package).update_one({"name": "thing-700"}, {"$set": {"revision": 1}})
        accounts.update_account(alice.principal, str(alice.user.id), _become_alicia)
        assert rows_of(Package).count_documents({"revision": 2}) == 800
        accounts.update_account(alice.principal, str(alice.user.id), _become_alicia)
        assert rows_of(Package).count_documents({"revision": 2}) == 800


def test_what_shows_no_name_is_not_rendered_again(world: World) -> None:
    alice = world.person("alice")
    with world.context():
        row = Package(
            protocol="npm",
            organization=ObjectId(),
            repository=ObjectId(),
            name="thing",
            display_name="thing",
            owners=[alice.user.id],
            published_at=now(),
        ).save()

        def call(current: AccountView) -> AccountContent:
            return AccountContent(
                email=current.email, username=current.username, display_name="Alice"
            )

        accounts.update_account(alice.principal, "alice", call)
        assert Package.objects(id=row.id).get().revision == 0


def test_an_account_is_closed_as_what_it_is_at_that_moment(world: World) -> None:
    root, alice = world.person("root-admin", admin=True), world.person("alice")
    seen = []

    def check(current: AccountView) -> None:
        seen.append(current.display_name)
        if current.display_name:
            raise PreconditionFailed
        with ThreadPoolExecutor(1) as elsewhere:  # outside of the transaction
            elsewhere.submit(rename).result()

    def rename() -> None:
        User.objects(id=alice.user.id).update_one(set__display_name="Alice")

    with world.context():
        with pytest.raises(PreconditionFailed):
            accounts.close_account(root.principal, "alice", check=check)
        assert seen == ["", "Alice"]
        assert User.objects(id=alice.user.id).get().is_active


def test_a_token_is_revoked_as_what_it_is_at_that_moment(world: World) -> None:
    alice = world.person("alice")
    seen = []

    def check(current: TokenView) -> None:
        seen.append(current.name)
        if current.name == "renamed":
            raise PreconditionFailed
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(rename).result()

    def rename() -> None:
        ApiToken.objects(id=alice.token_id).update_one(set__name="renamed")

    with world.context():
        with pytest.raises(PreconditionFailed):
            token_management.revoke_token(alice.principal, alice.token_id, check=check)
        assert seen == ["test", "renamed"]
        assert ApiToken.objects(id=alice.token_id).get().revoked_at is None


def test_a_session_is_ended_as_what_it_is_at_that_moment(world: World) -> None:
    world.person("alice")
    seen = []

    def check(current: SessionView) -> None:
        seen.append(current.user_agent)
        if current.user_agent == "another":
            raise PreconditionFailed
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(renew).result()

    def renew() -> None:
        Session.objects.update(set__user_agent="another")

    with world.context():
        signed_in = sessions.sign_in("alice", PASSWORD, CLIENT)
        principal = sessions.principal_from(signed_in.access_token)
        assert principal.session_id is not None
        with pytest.raises(PreconditionFailed):
            session_management.end_session(principal, principal.session_id, check=check)
        assert seen == [CLIENT.user_agent, "another"]
        assert sessions.principal_from(signed_in.access_token) == principal
