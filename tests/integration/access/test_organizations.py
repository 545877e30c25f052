"""Who may see an organization, and act on it: written out from API.md, "Organizations"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app import access
from app.auth.principal import ANONYMOUS, Principal, TokenLimits
from app.errors import Forbidden, NotFound, RegistryError, Unauthenticated
from app.models import Grant, Organization, OrganizationRole, Repository, Visibility

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.coherence import Coherence
    from app.models import AuditRecord
    from tests.integration.access.world import World

# What becomes of: knowing of it, and acts for members, for admins, for owners. A dot is
# done, U is 401, N is 404, F is 403.
TABLE = """
who                 with_public  with_internal  with_private_only
anonymous           .UUU         UUUU           UUUU
stranger            .FFF         .FFF           NNNN
reader              .FFF         .FFF           .FFF
member              ..FF         ..FF           ..FF
team_member         ..FF         ..FF           ..FF
organization_admin  ...F         ...F           ...F
organization_owner  ....         ....           ....
platform_admin      ....         ....           ....
"""
NEEDED = (None, OrganizationRole.MEMBER, OrganizationRole.ADMIN, OrganizationRole.OWNER)
ANSWERS = {Unauthenticated: "U", NotFound: "N", Forbidden: "F"}
KEPT = {
    "with_public": set(Visibility),
    "with_internal": {Visibility.INTERNAL, Visibility.PRIVATE},
    "with_private_only": {Visibility.PRIVATE},
}


def answer(
    principal: Principal,
    organization: Organization,
    needed: OrganizationRole | None,
    action: str = "write",
) -> str:
    try:
        access.require_organization(principal, organization, needed, action=action)
    except RegistryError as error:
        return ANSWERS[type(error)]
    return "."


def remove(world: World, repository_ids: set[Visibility]) -> None:
    for visibility in repository_ids:
        repository = world.repositories[visibility]
        Grant.objects(repository=repository.id).delete()
        Repository.objects(id=repository.id).delete()


def test_everybody_may_what_the_table_says_and_nothing_else(world: World) -> None:
    (_, *situations), *lines = (line.split() for line in TABLE.strip().splitlines())
    people = {who: world.signed_in(who) for who, *_ in lines}
    wrong: list[tuple[object, ...]] = []
    for column, situation in enumerate(situations):
        remove(world, set(Visibility) - KEPT[situation])
        for who, *cells in lines:
            found = "".join(answer(people[who], world.organization, one) for one in NEEDED)
            if found != cells[column]:
                wrong.append((who, situation, found, cells[column]))
            sees = access.may_see_organization(people[who], world.organization.id)
            if sees != (cells[column][0] == "."):
                wrong.append((who, situation, sees))
    assert wrong == []


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (TokenLimits(protocols=frozenset({"npm"})), "limited to npm"),
        (TokenLimits(actions=frozenset({"read"})), "limited to the actions read"),
        (TokenLimits(organizations=frozenset({"0" * 24})), "limited to other organizations"),
        (TokenLimits(packages=frozenset({"left-pad"})), "limited to the packages left-pad"),
    ],
)
def test_a_token_outside_its_limits_is_refused(
    world: World, limits: TokenLimits, words: str
) -> None:
    principal = world.with_token("organization_owner", limits)
    with pytest.raises(Forbidden, match=words):
        access.require_organization(principal, world.organization, None, action="write")


def test_a_token_within_its_limits_is_not(world: World) -> None:
    limits = TokenLimits(
        protocols=frozenset({"api"}),
        actions=frozenset({"write"}),
        organizations=frozenset({str(world.organization.id)}),
    )
    principal = world.with_token("organization_owner", limits)
    access.require_organization(
        principal, world.organization, OrganizationRole.OWNER, action="write"
    )
    npm = world.with_token("organization_owner", TokenLimits(protocols=frozenset({"npm"})))
    access.require_organization(
        npm, world.organization, OrganizationRole.OWNER, action="write", door="npm"
    )


def test_a_token_that_may_not_know_is_told_nothing(world: World) -> None:
    limits = TokenLimits(protocols=frozenset({"npm"}))
    with pytest.raises(NotFound):
        access.require_organization(
            world.with_token("stranger", limits), world.umbrella, None, action="read"
        )


def test_the_refusal_says_what_is_needed_and_is_audited(
    world: World, denials: Callable[[], list[AuditRecord]]
) -> None:
    with pytest.raises(Forbidden) as refused:
        access.require_organization(
            world.signed_in("member"), world.organization, OrganizationRole.ADMIN, action="write"
        )
    assert refused.value.message == "This needs the role admin in acme; yours is member."
    for action in ("read", "write", "delete"):
        answer(ANONYMOUS, world.umbrella, None, action)
    (event,) = denials()
    assert (event.actor["name"], event.resource["name"]) == ("member", "acme")
    assert event.organization == "acme"


@pytest.mark.parametrize(
    ("who", "role"),
    [
        ("anonymous", None),
        ("stranger", None),
        ("reader", None),
        ("member", OrganizationRole.MEMBER),
        ("organization_admin", OrganizationRole.ADMIN),
        ("organization_owner", OrganizationRole.OWNER),
        ("platform_admin", OrganizationRole.OWNER),
    ],
)
def test_the_role_in_an_organization(world: World, who: str, role: OrganizationRole | None) -> None:
    assert access.organization_role(world.signed_in(who), world.organization.id) == role


def test_changes_are_seen_at_once(world: World, remembering: Coherence) -> None:
    stranger = world.signed_in("stranger")
    assert not access.may_see_organization(stranger, world.umbrella.id)
    assert not access.may_see_organization(ANONYMOUS, world.umbrella.id)
    remembering.change(
        {f"org:{world.umbrella.id}"},
        lambda: world.add_repository(Visibility.PUBLIC, organization=world.umbrella),
    )
    assert access.may_see_organization(stranger, world.umbrella.id)
    assert access.may_see_organization(ANONYMOUS, world.umbrella.id)
    assert access.organization_role(stranger, world.organization.id) is None
    remembering.change(
        {f"org:{world.organization.id}"},
        lambda: world.join(world.person("stranger"), OrganizationRole.ADMIN),
    )
    assert access.organization_role(stranger, world.organization.id) is OrganizationRole.ADMIN
