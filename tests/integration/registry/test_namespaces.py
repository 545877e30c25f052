from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bson import ObjectId

from app.errors import Conflict
from app.models import NamespaceClaim, Package, in_transaction
from app.models.fields import now
from app.registry import namespaces

if TYPE_CHECKING:
    from tests.world import World


def test_a_claim_is_ones_own_until_it_is_released(world: World) -> None:
    mine, theirs = ObjectId(), ObjectId()
    wanted = namespaces.of_settings({"npm": ("rockets",), "maven": ("org.acme",)})
    with world.context():
        for _ in range(2):  # Claiming again changes nothing.
            in_transaction(lambda: namespaces.claim(mine, wanted))
        with pytest.raises(Conflict):
            in_transaction(lambda: namespaces.claim(theirs, wanted))
        in_transaction(lambda: namespaces.release(theirs, wanted))
        assert NamespaceClaim.objects(organization=mine).count() == 2
        in_transaction(lambda: namespaces.release(mine, wanted))
        in_transaction(lambda: namespaces.claim(theirs, wanted))


@pytest.mark.parametrize(
    ("protocol", "namespace", "name"),
    [
        ("npm", "rockets", "@rockets/engine"),
        ("maven", "org.acme", "org.acme:engine"),
        ("maven", "org.acme", "org.acme.deep:engine"),
        ("composer", "acme", "acme/engine"),
    ],
)
def test_a_namespace_with_names_below_it_stays(
    world: World, protocol: str, namespace: str, name: str
) -> None:
    mine = ObjectId()
    held = {(protocol, namespace)}
    with world.context():
        in_transaction(lambda: namespaces.claim(mine, held))
        kept = {
            "protocol": protocol,
            "organization": mine,
            "repository": ObjectId(),
            "published_at": now(),
        }
        Package(**kept, name=f"x{name}", display_name=name).save()
        in_transaction(lambda: namespaces.release(mine, held))
        in_transaction(lambda: namespaces.claim(mine, held))
        Package(**kept, name=name, display_name=name).save()
        with pytest.raises(Conflict, match=namespace):
            in_transaction(lambda: namespaces.release(mine, held))
        assert NamespaceClaim.objects(organization=mine).count() == 1
