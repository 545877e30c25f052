"""What a name that leads nowhere tells, and a name that leads to what is private."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.auth.principal import TokenLimits
from app.extensions import store
from app.models import OrganizationRole, Package, PublishClaim, RepositoryRole, Visibility
from app.registry import resolution
from app.registry.names import PackageName
from tests.acme import acme_scope
from tests.npm_wire import a_publish

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

    from tests.world import Person, World

REPOSITORIES = {"open": Visibility.PUBLIC, "closed": Visibility.PRIVATE}


class Acme:
    """An organization whose owner publishes to repositories of their own choice."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.owner = world.person("olivia")
        self.stranger = world.person("oscar")
        world.organization("acme", self.owner)
        self.repositories: dict[str, str] = {}

    def publish(self, repository: str, name: str) -> None:
        """Publish to a repository, which is made where there is none."""
        if repository not in self.repositories:
            self.repositories[repository] = self.world.repository(
                "acme", self.owner, repository, visibility=REPOSITORIES[repository]
            )
        assert self.put(self.owner, name, f"/r/acme/{repository}").status_code == 201

    def put(self, person: Person, name: str, scope: str = "") -> TestResponse:
        """Publish as somebody, in some scope."""
        return self.world.app.test_client().put(
            f"{scope}/npm/{name}", data=a_publish(name).body(), headers=person.bearer
        )

    def get(self, name: str, scope: str = "", person: Person | None = None) -> TestResponse:
        """Read as somebody, or as nobody."""
        headers = {} if person is None else person.bearer
        return self.world.app.test_client().get(f"{scope}/npm/{name}", headers=headers)


@pytest.fixture
def acme(world: World) -> Acme:
    return Acme(world)


def told(answer: TestResponse, name: str) -> tuple[int, str]:
    """Return all that an answer says, but the name that was asked for."""
    return answer.status_code, answer.get_data(as_text=True).replace(name, "NAME")


@pytest.mark.parametrize("scope", ["", "/o/acme", "/r/acme/closed"])
@pytest.mark.parametrize("prefix", ["@acme/", ""])
def test_nobody_finds_out_which_private_packages_there_are(
    acme: Acme, scope: str, prefix: str
) -> None:
    there, missing = f"{prefix}there", f"{prefix}missing"
    acme.publish("open", f"{prefix}public")
    acme.publish("closed", there)
    assert told(acme.get(there, scope), there) == told(acme.get(missing, scope), missing)
    assert acme.get(missing, scope).status_code == 401
    for person in (acme.stranger, acme.owner):
        assert acme.get(missing, scope, person).status_code == 404
    assert acme.get(there, scope, acme.stranger).status_code == 404


@pytest.mark.parametrize("scope", ["", "/o/acme", "/r/acme/open"])
@pytest.mark.parametrize("prefix", ["@acme/", ""])
def test_where_all_is_public_what_is_missing_is_missing(
    acme: Acme, scope: str, prefix: str
) -> None:
    acme.publish("open", f"{prefix}public")
    assert acme.get(f"{prefix}public", scope).status_code == 200
    assert acme.get(f"{prefix}missing", scope).status_code == 404


def test_a_namespace_of_nobodys_holds_nothing(acme: Acme) -> None:
    acme.publish("closed", "@acme/there")
    assert acme.get("@nobody/missing").status_code == 404


@pytest.mark.parametrize("is_known", [True, False])
def test_a_publish_tells_a_stranger_nothing_of_private_packages(
    acme: Acme, *, is_known: bool
) -> None:
    if is_known:  # of the organization
        acme.publish("open", "@acme/public")
    acme.publish("closed", "@acme/there")
    there, missing = (acme.put(acme.stranger, name) for name in ("@acme/there", "@acme/missing"))
    assert there.status_code == 403
    assert told(there, "@acme/there") == told(missing, "@acme/missing")


def test_a_publish_of_a_flat_name_tells_who_may_not_publish_nothing(acme: Acme) -> None:
    acme.publish("closed", "there")
    there, missing = (acme.put(acme.stranger, name) for name in ("there", "missing"))
    assert there.status_code == 403
    assert told(there, "there") == told(missing, "missing")


@pytest.mark.parametrize("scope", ["/o/acme", ""])
def test_a_member_who_may_not_publish_learns_what_to_ask_for(acme: Acme, scope: str) -> None:
    """And not whether there is a repository that they may not know of."""
    dave = acme.world.person("dave")
    acme.world.member("acme", acme.owner, dave, OrganizationRole.MEMBER)
    before = acme.put(dave, "@acme/there", scope)
    acme.publish("closed", "@acme/there")
    for name in ("@acme/there", "@acme/missing"):
        answer = acme.put(dave, name, scope)
        assert answer.status_code == before.status_code == 403
        assert told(answer, name) == told(before, "@acme/there")
        assert "acme has no npm repository that you may publish to. Ask" in answer.text


def test_of_several_repositories_one_is_named_that_the_caller_may_know_of(acme: Acme) -> None:
    for repository in ("closed", "open"):
        acme.publish(repository, f"@acme/{repository}")
    rita = acme.world.person("rita")
    answer = acme.put(rita, "@acme/new", "/o/acme")
    assert answer.status_code == 403
    assert "Publishing to acme/open needs the role developer; yours is reader." in answer.text


def test_a_deleted_package_is_published_again_by_its_own_and_nobody_else(acme: Acme) -> None:
    acme.publish("closed", "@acme/there")
    packument = acme.get("@acme/there", person=acme.owner).get_json()
    assert (
        acme.world.app.test_client()
        .delete(f"/npm/@acme%2fthere/-rev/{packument['_rev']}", headers=acme.owner.bearer)
        .status_code
    ) in {200, 201}
    assert acme.put(acme.stranger, "@acme/there").status_code == 403
    document = a_publish("@acme/there", "2.0.0")
    published = acme.world.app.test_client().put(
        "/npm/@acme/there", data=document.body(), headers=acme.owner.bearer
    )
    assert published.status_code == 201


def test_a_name_that_a_hidden_package_has_is_taken(acme: Acme) -> None:
    acme.publish("closed", "@acme/there")
    acme.publish("open", "@acme/public")
    dave = acme.world.person("dave")
    acme.world.member("acme", acme.owner, dave, OrganizationRole.MEMBER)
    acme.world.grant(acme.repositories["open"], acme.owner, dave, RepositoryRole.DEVELOPER)
    refused = acme.put(dave, "@acme/there")
    assert refused.status_code == 403
    assert "is taken in acme" in refused.get_json()["error"]
    assert acme.put(dave, "@acme/mine").status_code == 201


def test_a_name_in_a_sibling_repository_is_taken_before_anything_is_stored(acme: Acme) -> None:
    acme.publish("closed", "@acme/there")
    acme.publish("open", "@acme/public")
    dave = acme.world.person("dave")
    acme.world.grant(acme.repositories["open"], acme.owner, dave, RepositoryRole.DEVELOPER)
    with acme.world.context():
        before = [one.key for one in store.list("npm/")]
    refused = acme.put(dave, "@acme/there", "/r/acme/open")
    assert refused.status_code == 403
    assert "is taken in acme, in a repository that you may not read" in refused.get_json()["error"]
    refused = acme.put(acme.owner, "@acme/there", "/r/acme/open")
    assert refused.status_code == 403
    assert "is in acme/closed. Publish it there" in refused.get_json()["error"]
    with acme.world.context():
        assert [one.key for one in store.list("npm/")] == before
        assert PublishClaim.objects.count() == 0


def test_a_publish_of_the_same_moment_is_no_siblings(acme: Acme) -> None:
    acme.publish("open", "@acme/first")
    thing = PackageName(
        protocol="npm", normal="@acme/thing", display="@acme/thing", namespaces=("acme",)
    )
    scope = acme_scope("npm", "open")
    with acme.world.context():
        first = Package.objects.get()
        # What was remembered is what a publish saw that looked before the other's commit.
        assert resolution.locate(scope, thing) is None
        made = Package(
            protocol="npm",
            organization=first.organization,
            repository=first.repository,
            name=thing.normal,
            display_name=thing.display,
            published_at=first.published_at,
        ).save()
        assert resolution.locate(scope, thing) is None
        target = resolution.for_publish(acme.owner.principal, scope, thing)
        assert target.package is not None
        assert target.package.id == made.id


def test_a_tokens_limit_is_named_to_who_may_know_of_the_package(acme: Acme) -> None:
    acme.publish("closed", "there")
    limits = TokenLimits(packages=frozenset({"other"}))
    refused = acme.put(acme.world.with_token(acme.owner.user, limits), "there")
    assert refused.status_code == 403
    assert "limited to the packages other" in refused.get_json()["error"]


@pytest.mark.parametrize(("repository", "is_named"), [("open", True), ("closed", False)])
def test_a_similar_name_is_told_to_who_may_read_it(
    acme: Acme, repository: str, *, is_named: bool
) -> None:
    acme.publish(repository, "left-pad")
    acme.world.organization("beta", acme.stranger)
    refused = acme.put(acme.stranger, "left_pad")
    assert refused.status_code == 403
    assert "too similar" in refused.get_json()["error"]
    assert ("left-pad" in refused.get_json()["error"]) is is_named
