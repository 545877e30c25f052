from __future__ import annotations

from typing import TYPE_CHECKING

from bson import ObjectId

from app.models import Package
from app.models.fields import now
from app.models.rows import rows_of
from app.registry import accounts
from app.registry.accounts import AccountContent, AccountView

if TYPE_CHECKING:
    from tests.world import World


def test_a_new_name_reaches_very_many_packages(world: World) -> None:
    alice, bob = world.person("alice"), world.person("bob")
    template = {"protocol": "npm", "organization": ObjectId(), "repository": ObjectId()}
    with world.context():
        rows_of(Package).insert_many(
            {
                **template,
                "name": f"thing-{number}",
                "display_name": f"thing-{number}",
                "revision": 1,
                "owners": [alice.user.id if number % 2 else bob.user.id],
                "starred_by": [alice.user.id] if number % 4 == 0 else [],
            }
            for number in range(1600)
        )

        def rename(current: AccountView) -> AccountContent:
            return AccountContent(email=current.email, username="alicia")

        assert accounts.update_account(alice.principal, "alice", rename).username == "alicia"
        bumped = rows_of(Package).count_documents({"revision": 2})
    assert bumped == 1200


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
