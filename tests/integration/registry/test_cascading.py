from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
from bson import ObjectId

from app.errors import Conflict
from app.models import (
    Grant,
    Job,
    Membership,
    NameClaim,
    Organization,
    Package,
    Repository,
    RepositoryKind,
    RepositoryRole,
    Team,
    TeamMember,
    TeamRole,
    Version,
    VersionState,
    in_transaction,
)
from app.models.fields import now
from app.models.rows import rows_of
from app.registry import (
    background,
    cascading,
    organizations,
    publishing,
    repository_management,
    resolution,
    team_members,
    teams,
)
from app.registry.names import PackageName
from app.registry.organizations import NewOrganization
from app.registry.repositories import hold_organization
from app.registry.repository_management import NewRepository
from app.registry.teams import TeamContent
from app.registry.uploads import Upload
from tests.acme import acme_scope
from tests.gem_files import a_gem
from tests.npm_wire import a_publish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Flask

    from tests.world import Person, World


@pytest.fixture
def alice(world: World) -> Person:
    return world.person("alice")


def a_package(repository: str, name: str, *states: VersionState) -> ObjectId:
    """Put a package with one version of each state into a repository."""
    row = Repository.objects(id=ObjectId(repository)).get()
    package = Package(
        protocol="npm",
        organization=row.organization.id,
        repository=row.id,
        name=name,
        display_name=name,
        published_at=now(),
    ).save()
    NameClaim(
        protocol="npm", name=name, similarity_key=name, organization=row.organization.id
    ).save()
    for number, state in enumerate(states):
        version = f"1.{number}.0"
        Version(
            package=package.id,
            number=version,
            display_number=version,
            state=state,
            published_at=now(),
        ).save()
    return ObjectId(package.id)


def delete_repository(alice: Person, repository: str, *, cascade: bool) -> None:
    cascading.delete_repository(
        alice.principal, repository, cascade=cascade, check=lambda _current: None
    )
    background.run_due(cascading.WORK, seconds=60)


class CancelledMeanwhile(background.RunningJob):
    """A job whose owner thinks better of it while its first batch is being done."""

    def __init__(self, job: background.RunningJob) -> None:
        self.__dict__ = job.__dict__

    def note(self, names: Sequence[str], result: str) -> None:
        super().note(names, result)
        rows_of(Job).update_one({}, {"$set": {"cancel_requested": True}})


def test_gems_are_in_no_index_where_their_deletion_was_stopped(
    app: Flask, world: World, alice: Person
) -> None:
    world.organization("acme", alice)
    repository = world.repository("acme", alice, "gems", protocol="rubygems")
    client = app.test_client()

    def push(version: str) -> None:
        answer = client.post(
            "/o/acme/rubygems/api/v1/gems",
            data=a_gem("hola", version).body,
            headers=alice.bearer,
        )
        assert answer.status_code == 200, answer.get_data()

    def stopped(work: background.Work) -> background.Work:
        return lambda job: work(CancelledMeanwhile(job))

    push("1.0")
    with world.context():
        cascading.delete_repository(
            alice.principal, repository, cascade=True, check=lambda _current: None
        )
        work = {kind: stopped(one) for kind, one in cascading.WORK.items()}
        background.run_due(work, seconds=60)
    assert client.get("/o/acme/rubygems/info/hola", headers=alice.bearer).status_code == 404
    assert "hola" not in client.get("/o/acme/rubygems/names", headers=alice.bearer).text
    push("2.0")
    lines = client.get("/o/acme/rubygems/versions", headers=alice.bearer).text.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("hola ")] == ["1.0", "-1.0", "2.0"]
    specs = client.get("/o/acme/rubygems/specs.4.8.gz", headers=alice.bearer).get_data()
    assert b"1.0" not in gzip.decompress(specs)


def test_a_deleted_repository_leaves_tombstones_and_nothing_else(
    world: World, alice: Person
) -> None:
    world.organization("acme", alice)
    repository = world.repository("acme", alice, "web")
    world.grant(repository, alice, world.person("bob"), RepositoryRole.READER)
    with world.context():
        kept = a_package(repository, "kept", VersionState.PUBLISHED)
        with pytest.raises(Conflict, match="kept"):
            delete_repository(alice, repository, cascade=False)
        delete_repository(alice, repository, cascade=True)
        tombstone = Package.objects(id=kept).get()
        assert tombstone.deleted_at is not None
        assert tombstone.revision == 1
        states = [one.state for one in Version.objects(package=kept)]
        assert states == [VersionState.WITHDRAWN]
        assert [one.name for one in NameClaim.objects] == ["kept"]
        assert Grant.objects.count() == Repository.objects.count() == 0


def test_a_deleted_organization_leaves_its_names_taken(world: World, alice: Person) -> None:
    organization_id = world.organization("acme", alice)
    repository = world.repository("acme", alice, "web")
    bob = world.person("bob")
    with world.context():
        a_package(repository, "thing", VersionState.PUBLISHED)
        team = teams.create_team(alice.principal, "acme", TeamContent(slug="dev"))
        team_members.set_member(alice.principal, team.id, "alice", lambda _: TeamRole.MEMBER)
        cascading.delete_organization(
            alice.principal, organization_id, cascade=True, check=lambda _current: None
        )
        background.run_due(cascading.WORK, seconds=60)
        for document in (Organization, Membership, Repository, Team, TeamMember):
            assert document.objects.count() == 0
        assert NameClaim.objects.count() == 1
        with pytest.raises(Conflict, match="namespace"):
            organizations.create(bob.principal, NewOrganization(slug="acme"))
        assert Organization.objects.count() == 0


def test_a_name_comes_back_into_another_repository(app: Flask, world: World, alice: Person) -> None:
    world.organization("acme", alice)

    def publish(version: str) -> int:
        document = a_publish("@acme/thing", version)
        return (
            app.test_client()
            .put("/o/acme/npm/@acme%2fthing", data=document.body(), headers=alice.bearer)
            .status_code
        )

    assert publish("1.0.0") == 201
    with world.context():
        old = Repository.objects.get()
        delete_repository(alice, str(old.id), cascade=True)
    assert publish("1.0.0") == 403
    assert publish("1.0.1") == 201
    with world.context():
        assert Package.objects.get().repository.id == Repository.objects.get().id != old.id


def test_a_publish_whose_repository_is_deleted_meanwhile_is_refused(
    world: World, alice: Person
) -> None:
    world.organization("acme", alice)
    repository = world.repository("acme", alice, "web")
    scope = acme_scope("npm", "web")
    name = PackageName(
        protocol="npm", normal="@acme/thing", display="@acme/thing", namespaces=("acme",)
    )
    with world.context():
        target = resolution.for_publish(alice.principal, scope, name)
        delete_repository(alice, repository, cascade=False)
        upload = Upload(name=name, number="1.0.0", display_number="1.0.0", files=(), manifest=b"{}")
        with pytest.raises(Conflict, match="deleted"):
            publishing.publish(alice.principal, target, upload)
        assert Package.objects.count() == Version.objects.count() == 0


def test_what_a_deletion_that_died_left_behind_is_withdrawn(world: World, alice: Person) -> None:
    world.organization("acme", alice)
    repository = world.repository("acme", alice, "web")
    other = world.repository("acme", alice, "other")
    with world.context():
        homeless = a_package(repository, "thing", VersionState.PUBLISHED)
        at_home = a_package(other, "other-thing", VersionState.PUBLISHED)
        Repository.objects(id=ObjectId(repository)).delete()  # and then it died
        assert cascading.withdraw_homeless() == 1
        assert Package.objects(id=homeless).get().deleted_at is not None
        assert Version.objects(package=homeless).get().state is VersionState.WITHDRAWN
        assert Package.objects(id=at_home).get().deleted_at is None
        assert cascading.withdraw_homeless() == 0


def test_a_repository_of_an_organization_that_is_gone_is_not_made(
    world: World, alice: Person
) -> None:
    organization = ObjectId(world.organization("acme", alice))
    with world.context():
        in_transaction(lambda: hold_organization(organization))
        Organization.objects.delete()
        with pytest.raises(Conflict, match="deleted"):
            in_transaction(lambda: hold_organization(organization))


def test_a_first_publish_goes_to_no_group_of_the_name(world: World, alice: Person) -> None:
    world.organization("acme", alice)
    with world.context():
        new = NewRepository(name="npm", protocol="npm", kind=RepositoryKind.GROUP)
        repository_management.create_repository(alice.principal, "acme", new)
    answer = world.app.test_client().put(
        "/o/acme/npm/thing", data=a_publish("thing").body(), headers=alice.bearer
    )
    assert answer.status_code == 403
    assert "Create a hosted npm repository" in answer.get_json()["error"]
    with world.context():
        assert Package.objects.count() == 0
