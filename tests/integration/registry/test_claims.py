"""Who may finish a publish, and what becomes of what the others made."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from bson import ObjectId

from app.errors import Conflict, PublishInProgress, VersionExists
from app.extensions import store
from app.models import File, PublishClaim, Version, in_transaction
from app.models.fields import now
from app.registry import claims
from app.registry.names import PackageName
from app.registry.sweeping import sweep
from tests.oplog import a_write_under_way

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pymongo.database import Database

    from tests.world import World

KEY = "npm/acme/@acme/thing/1.0.0/thing-1.0.0.tgz"
WANTED = claims.Number(
    name=PackageName(protocol="npm", normal="@acme/thing", display="@acme/thing"),
    organization=ObjectId(),
    repository=ObjectId(),
    number="1.0.0",
    display="1.0.0",
)


@pytest.fixture(autouse=True)
def _in_the_app(world: World) -> Iterator[None]:
    with world.context():
        yield


def an_attempt(*keys: str, size_bytes: int = 5) -> claims.Attempt:
    return claims.Attempt(id=uuid.uuid4().hex, keys=keys or [KEY], size_bytes=size_bytes)


def take(*keys: str, size_bytes: int = 5) -> claims.Claim:
    return claims.take(WANTED, an_attempt(*keys, size_bytes=size_bytes), lambda: None)


def finish(claim: claims.Claim) -> None:
    in_transaction(lambda: claims.finish([claim]), after=claim.taken_at)


def put_object(key: str = KEY) -> None:
    stage = store.stage(limit_bytes=100)
    stage.write(b"bytes")
    store.reveal(stage.finish(), key)


def keys() -> set[str]:
    return {one.key for one in store.list("npm/")}


def expire(claim: claims.Claim) -> None:
    assert PublishClaim.objects(id=claim.key).update_one(set__expires_at=now()) == 1


def test_a_number_is_one_publishers_at_a_time_until_it_is_finished() -> None:
    claim = take()
    with pytest.raises(Conflict, match="another"):
        finish(replace(claim, attempt="another"))
    finish(claim)
    assert PublishClaim.objects.count() == 0
    with pytest.raises(Conflict, match="another"):
        finish(claim)


def test_a_claim_is_kept_while_another_write_is_under_way(
    database: Database[dict[str, Any]],
) -> None:
    """Whose transactions would not see it, were they not told to."""
    with ThreadPoolExecutor(1) as pool:
        with a_write_under_way(database):
            finishing = pool.submit(finish, take())
            with pytest.raises(TimeoutError):
                finishing.result(timeout=0.5)
        finishing.result()
    assert PublishClaim.objects.count() == 0


def test_who_waits_for_a_number_is_told_once_it_is_taken() -> None:
    claim = take()
    looks: list[int] = []

    def refuse_taken() -> None:
        looks.append(len(looks))
        if len(looks) == 2:
            finish(claim)
            raise VersionExists("@acme/thing", "1.0.0")

    with pytest.raises(VersionExists):
        claims.take(WANTED, an_attempt(), refuse_taken)
    assert len(looks) == 2


def test_who_waits_for_a_number_gets_it_once_it_is_given_up() -> None:
    claim = take()
    second = claims.take(WANTED, an_attempt(), lambda: claims.release(claim))
    assert second.attempt != claim.attempt
    finish(second)


def test_nobody_waits_for_ever() -> None:
    take()
    with pytest.raises(PublishInProgress):
        take()


def test_an_abandoned_claim_is_taken_over_and_its_publisher_can_do_nothing_more() -> None:
    dead = take("npm/dead")
    put_object("npm/dead")
    expire(dead)
    alive = take("npm/alive")
    put_object("npm/alive")
    with pytest.raises(Conflict):
        finish(dead)
    claims.release(dead)
    assert "npm/alive" in keys()
    finish(alive)


def test_a_large_publish_is_given_more_time() -> None:
    small, large = an_attempt(), an_attempt(size_bytes=512 * 1024 * 1024)
    assert small.patience == timedelta(minutes=2)
    assert large.patience > timedelta(minutes=30)


def test_a_released_claim_leaves_nothing() -> None:
    claim = take("npm/one", "npm/two")
    put_object("npm/one")
    put_object("npm/two")
    claims.release(claim)
    assert keys() == set()
    assert PublishClaim.objects.count() == 0


def test_what_a_claim_or_a_version_names_is_in_use() -> None:
    file = File(filename="thing-1.0.0.tgz", key="npm/shown", size_bytes=5, sha256="0" * 64)
    Version(
        package=ObjectId(),
        number="1.0.0",
        display_number="1.0.0",
        files=[file],
        published_at=now(),
    ).save()
    take("npm/claimed")
    asked = ["npm/shown", "npm/claimed", "npm/left-behind"]
    assert claims.keys_in_use(asked) == {"npm/shown", "npm/claimed"}


def test_the_sweeper_ends_a_publish_before_it_removes_its_objects() -> None:
    claim = take()
    put_object()
    sweep()
    assert keys() == {KEY}
    assert sweep(now() + timedelta(days=1)).claims == 1
    assert keys() == set()
    with pytest.raises(Conflict):
        finish(claim)


def test_a_repository_that_goes_takes_the_claims_in_it() -> None:
    claim = take()
    claims.remove_of_repositories([ObjectId()])
    assert PublishClaim.objects.count() == 1
    claims.remove_of_repositories([WANTED.repository])
    with pytest.raises(Conflict):
        finish(claim)


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a", "b c"), ("a b", "c")), (("a", "1.0.0"), ("a", "1.0.0-1")), (("a b", "c"), ("a", "b"))],
)
def test_different_numbers_have_different_claims(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    organization = ObjectId()
    first, second = (PublishClaim.key_of("npm", organization, *names) for names in (one, other))
    assert first != second
