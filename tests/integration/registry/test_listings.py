"""Lists of packages: what each reader is shown, and how a process keeps up with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bson import ObjectId

from app.extensions import coherence, listing_folds
from app.models import ListingEntry, Repository, in_transaction
from app.models.rows import rows_of
from app.registry import background, cascading, listings
from app.registry.listings import Entry, ListedChange, ListingFolds, ListKind
from tests.distributions import a_wheel
from tests.npm_wire import a_publish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Flask

    from tests.world import Person, World


class Texts:
    """Keeps what it is given, and counts how often."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.times = 0

    def add(self, entries: Sequence[Entry]) -> None:
        self.texts += [one.text for one in entries]
        self.times += 1

    def show(self) -> tuple[int, tuple[str, ...]]:
        return self.times, tuple(self.texts)


KIND = ListKind(name="test/texts", protocol="pypi", begin=Texts)


@pytest.fixture
def owner(world: World) -> Person:
    owner = world.person("olivia")
    world.organization("acme", owner)
    return owner


def upload(app: Flask, owner: Person, name: str, version: str = "1.0", org: str = "acme") -> None:
    answer = app.test_client().post(
        f"/o/{org}/pypi/legacy/",
        data=a_wheel(name, version).form(),
        headers=owner.bearer,
        content_type="multipart/form-data",
    )
    assert answer.status_code == 200, answer.get_data()


def repository_of(name: str = "pypi") -> ObjectId:
    row = rows_of(Repository).find_one({"name": name})
    assert row is not None
    found: ObjectId = row["_id"]
    return found


def shown(*repositories: ObjectId, of_holders: bool = False) -> tuple[str, ...]:
    return listings.shown(KIND, frozenset(repositories), of_holders=of_holders)[1]


def test_a_process_reads_only_what_is_new(app: Flask, world: World, owner: Person) -> None:
    upload(app, owner, "first")
    with world.context():
        repository = repository_of()
        assert listings.shown(KIND, frozenset({repository}), of_holders=False)[0] == 1
        fold = listing_folds.of(KIND, frozenset({repository}), of_holders=False).fold
    upload(app, owner, "second")
    with world.context():
        assert shown(repository) == ("first first", "second second")
        assert listing_folds.of(KIND, frozenset({repository}), of_holders=False).fold is fold


def test_numbers_are_given_in_the_order_of_commits(app: Flask, world: World, owner: Person) -> None:
    for number in range(5):
        upload(app, owner, f"project-{number}")
    upload(app, owner, "project-0", "2.0")  # nothing that the list would show
    with world.context():
        assert [one.sequence for one in ListingEntry.objects.order_by("id")] == [1, 2, 3, 4, 5]


def test_another_log_is_read_from_its_beginning(app: Flask, world: World, owner: Person) -> None:
    for name in ("first", "second"):
        upload(app, owner, name)
    with world.context():
        repository = repository_of()
        assert len(shown(repository)) == 2
        # As after a restore from a backup of the time before the second.
        ListingEntry.objects(name="second").delete()
        followed = listing_folds.of(KIND, frozenset({repository}), of_holders=False)
        assert followed.update()[1] == ("first first",)


def test_a_reader_of_several_repositories_sees_one_order(
    app: Flask, world: World, owner: Person
) -> None:
    world.organization("other", owner)
    for name, org in (("a", "acme"), ("b", "other"), ("c", "acme")):
        upload(app, owner, name, org=org)
    with world.context():
        ids = [row["_id"] for row in rows_of(Repository).find({"protocol": "pypi"})]
        assert shown(*ids) == ("a a", "b b", "c c")


def listed(repository: ObjectId, *names: str) -> None:
    """Write entries as publishes do."""
    changes = [
        ListedChange(
            package=ObjectId(),
            organization=ObjectId(),
            repository=repository,
            name=name,
            display=name,
            is_renamed=True,
        )
        for name in names
    ]
    in_transaction(lambda: listings.record("pypi", changes))


def test_what_is_published_between_two_batches_is_in_the_list(world: World) -> None:
    large, small, others = ObjectId(), ObjectId(), ObjectId()

    class Interrupted(Texts):
        def add(self, entries: Sequence[Entry]) -> None:
            if not self.texts:  # the end of the small repository has been seen
                listed(small, "first")
                listed(large, "second")
            super().add(entries)

    with world.context():
        listed(others, *(f"other-{number}" for number in range(5000)))
        listed(large, *(f"large-{number}" for number in range(1500)))
        kind = ListKind(name="test/interrupted", protocol="pypi", begin=Interrupted)
        followed = ListingFolds().of(kind, frozenset({large, small}), of_holders=False)
        followed.update()
        assert followed.update()[1][1500:] == ("first first", "second second")


def test_the_platform_shows_who_holds_the_name(app: Flask, world: World, owner: Person) -> None:
    world.organization("other", owner)
    upload(app, owner, "same", org="acme")
    upload(app, owner, "same", org="other")
    with world.context():
        ids = [row["_id"] for row in rows_of(Repository).find({"protocol": "pypi"})]
        assert len(shown(*ids)) == 2
        assert shown(*ids, of_holders=True) == ("same same",)


def test_a_repository_takes_its_log_with_it(app: Flask, world: World, owner: Person) -> None:
    upload(app, owner, "first")
    with world.context():
        repository = repository_of()
        job = cascading.delete_repository(
            owner.principal, str(repository), cascade=True, check=lambda _view: None
        )
        assert job is not None
        background.run_due(cascading.WORK, seconds=30)
        assert not ListingEntry.objects.count()


def test_formats_without_lists_write_none(app: Flask, world: World, owner: Person) -> None:
    document = a_publish("@acme/thing", "1.0.0")
    answer = app.test_client().put(
        "/o/acme/npm/@acme%2fthing", data=document.body(), headers=owner.bearer
    )
    assert answer.status_code == 201
    with world.context():
        assert not ListingEntry.objects.count()


def test_a_list_counts_for_what_it_takes(app: Flask, world: World, owner: Person) -> None:
    for number in range(20):
        upload(app, owner, f"project-{number}")
    with world.context():
        before = coherence.size_bytes
        texts = shown(repository_of())
        assert coherence.size_bytes - before > 20 * 200 + sum(map(len, texts))


def test_lists_that_nobody_asked_for_lately_are_forgotten(
    app: Flask, world: World, owner: Person
) -> None:
    upload(app, owner, "first")
    with world.context():
        folds = ListingFolds(most_bytes=100)
        wanted = frozenset({repository_of()})
        first = folds.of(KIND, wanted, of_holders=False)
        first.update()
        assert folds.of(KIND, wanted, of_holders=False) is first
        folds.of(KIND, wanted, of_holders=True)
        assert folds.of(KIND, wanted, of_holders=False) is not first
