"""The whole table: everybody, every visibility, every action, every kind of token.

What is expected is written out from API.md ("Roles", "Tokens") and DESIGN ("Tenants",
"Identity"), and never asks the code that it judges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bson import ObjectId

from app import access
from app.access import Action
from app.auth.principal import ANONYMOUS, Principal, TokenLimits
from app.errors import Forbidden, NotFound, RegistryError, Unauthenticated
from app.models import Visibility

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.access import RepositoryFacts
    from app.coherence import Coherence
    from app.models import AuditRecord
    from tests.integration.access.world import World

ACTIONS = tuple(Action)
PACKAGE = "left-pad"

# Each cell says what becomes of: read, publish, maintain, delete, inspect, administer, remove.
# A dot is done; U is 401, because signing in may help; N is 404, because the caller may not
# know; F is 403.
TABLE = """
who                                   public   internal  private
anonymous                             .UUUUUU   UUUUUUU   UUUUUUU
stranger                              .FFFFFF   .FFFFFF   NNNNNNN
member                                .FFFFFF   .FFFFFF   NNNNNNN
reader                                .FFFFFF   .FFFFFF   .FFFFFF
developer                             ..FFFFF   ..FFFFF   ..FFFFF
maintainer                            ....FFF   ....FFF   ....FFF
admin                                 .......   .......   .......
team_member                           ..FFFFF   ..FFFFF   ..FFFFF
team_maintainer                       ....FFF   ....FFF   ....FFF
team_member_lowered_to_reader         .FFFFFF   .FFFFFF   .FFFFFF
team_maintainer_lowered_to_developer  ..FFFFF   ..FFFFF   ..FFFFF
team_member_with_admin_grant          ..FFFFF   ..FFFFF   ..FFFFF
organization_admin                    .......   .......   .......
organization_owner                    .......   .......   .......
platform_admin                        .......   .......   .......
"""

# Which of the same seven actions each token lets through; where it bars one, that is a 403
# wherever its owner may read, and else still a 404.
SCOPES = """
unlimited             yyyyyyy
npm                   yyyyyyy
npm,cargo             yyyyyyy
cargo                 nnnnnnn
api                   nnnnnnn
read                  ynnnynn
write                 nyynnyn
delete                nnnynny
read,write            yyynyyn
read,delete           ynnyyny
read,write,delete     yyyyyyy
own_organization      yyyyyyy
other_organization    nnnnnnn
both_organizations    yyyyyyy
own_package           yyyyyyy
other_package         nnnnnnn
npm_and_read          ynnnynn
npm_and_other_organization nnnnnnn
"""

ANSWERS: dict[type[RegistryError] | None, str] = {
    None: ".",
    Unauthenticated: "U",
    NotFound: "N",
    Forbidden: "F",
}


def limits_of(scope: str, world: World) -> TokenLimits:
    own, other = str(world.organization.id), str(world.umbrella.id)
    written: dict[str, TokenLimits] = {
        "unlimited": TokenLimits(),
        "own_organization": TokenLimits(organizations=frozenset({own})),
        "other_organization": TokenLimits(organizations=frozenset({other})),
        "both_organizations": TokenLimits(organizations=frozenset({own, other})),
        "own_package": TokenLimits(packages=frozenset({PACKAGE, "right-pad"})),
        "other_package": TokenLimits(packages=frozenset({"right-pad"})),
        "npm_and_read": TokenLimits(protocols=frozenset({"npm"}), actions=frozenset({"read"})),
        "npm_and_other_organization": TokenLimits(
            protocols=frozenset({"npm"}), organizations=frozenset({other})
        ),
    }
    if scope in written:
        return written[scope]
    names = frozenset(scope.split(","))
    if names <= {"read", "write", "delete"}:
        return TokenLimits(actions=names)
    return TokenLimits(protocols=names)


def rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.strip().splitlines()]


def answer(principal: Principal, action: Action, repository: RepositoryFacts) -> str:
    try:
        access.require(principal, action, repository, package=PACKAGE)
    except RegistryError as error:
        return ANSWERS[type(error)]
    return ANSWERS[None]


def answers(principal: Principal, repository: RepositoryFacts) -> str:
    return "".join(answer(principal, action, repository) for action in ACTIONS)


def narrowed(expected: str, scope: str) -> str:
    return "".join(
        one if one == "N" or allows == "y" else "F"
        for one, allows in zip(expected, scope, strict=True)
    )


def test_everybody_may_what_the_table_says_and_nothing_else(world: World) -> None:
    (_, *visibilities), *lines = rows(TABLE)
    wrong, checked = [], 0
    for who, *cells in lines:
        for visibility, expected in zip(visibilities, cells, strict=True):
            repository = world.repositories[Visibility(visibility)]
            found = answers(world.signed_in(who), repository)
            checked += len(found)
            if found != expected:
                wrong.append((who, visibility, found, expected))
    assert wrong == []
    assert checked == 15 * 3 * 7


def test_tokens_narrow_the_table_and_never_widen_it(world: World, remembering: Coherence) -> None:
    (_, *visibilities), *lines = rows(TABLE)
    wrong, checked = [], 0
    for scope, allowed in rows(SCOPES):
        limits = limits_of(scope, world)
        for who, *cells in lines[1:]:
            principal = world.with_token(who, limits)
            for visibility, cell in zip(visibilities, cells, strict=True):
                found = answers(principal, world.repositories[Visibility(visibility)])
                expected = narrowed(cell, allowed)
                checked += len(found)
                if found != expected:
                    wrong.append((who, scope, visibility, found, expected))
    assert wrong == []
    assert checked == 18 * 14 * 3 * 7
    assert remembering.hits > checked / 2


def test_a_token_of_the_management_api_is_judged_by_its_door(world: World) -> None:
    repository = world.repositories[Visibility.PRIVATE]
    for_api = world.with_token("admin", TokenLimits(protocols=frozenset({"api"})))
    for_npm = world.with_token("admin", TokenLimits(protocols=frozenset({"npm"})))
    access.require(for_api, Action.ADMINISTER, repository, door="api")
    with pytest.raises(Forbidden, match=r"limited to npm.*for api"):
        access.require(for_npm, Action.ADMINISTER, repository, door="api")


def test_a_token_for_packages_may_not_touch_the_repository_as_a_whole(world: World) -> None:
    limits = TokenLimits(packages=frozenset({PACKAGE}))
    principal = world.with_token("admin", limits)
    for repository in world.repositories.values():
        for action in ACTIONS:
            with pytest.raises(Forbidden, match=PACKAGE):
                access.require(principal, action, repository)
            assert not access.may(principal, action, repository)


def test_a_token_outside_its_limits_is_refused_where_anonymous_would_be_served(
    world: World,
) -> None:
    public = world.repositories[Visibility.PUBLIC]
    access.require(ANONYMOUS, Action.READ, public)
    for limits, words in (
        (TokenLimits(protocols=frozenset({"cargo"})), "limited to cargo"),
        (TokenLimits(actions=frozenset({"write"})), "limited to the actions write"),
        (TokenLimits(organizations=frozenset({str(ObjectId())})), "limited to other organ"),
        (TokenLimits(packages=frozenset({"right-pad"})), "limited to the packages right-pad"),
    ):
        with pytest.raises(Forbidden, match=words):
            access.require(world.with_token("reader", limits), Action.READ, public, package=PACKAGE)


def test_the_refusal_says_what_is_needed(world: World) -> None:
    with pytest.raises(Forbidden) as refused:
        access.require(
            world.signed_in("reader"), Action.PUBLISH, world.repositories[Visibility.PRIVATE]
        )
    assert refused.value.message == (
        "Publishing to acme/npm-private needs the role developer; yours is reader. "
        "Ask an admin of acme."
    )


def test_what_may_not_be_known_is_told_apart_from_nothing_by_nothing(world: World) -> None:
    with pytest.raises(NotFound) as refused:
        access.require(
            world.signed_in("stranger"), Action.PUBLISH, world.repositories[Visibility.PRIVATE]
        )
    assert refused.value.message == NotFound().message


def test_may_answers_as_require_does_and_leaves_no_trace(
    world: World, denials: Callable[[], list[AuditRecord]]
) -> None:
    for who in ("anonymous", "stranger", "developer", "organization_owner"):
        principal = world.signed_in(who)
        for repository in world.repositories.values():
            for action in ACTIONS:
                may = access.may(principal, action, repository, package=PACKAGE)
                recorded = len(denials())
                assert may == (answer(principal, action, repository) == ".")
                is_recorded = not may and who != "anonymous"
                assert len(denials()) == recorded + is_recorded


def test_a_refusal_is_audited_with_all_that_tells_what_it_was(
    world: World, denials: Callable[[], list[AuditRecord]]
) -> None:
    repository = world.repositories[Visibility.PRIVATE]
    principal = world.with_token("reader", TokenLimits())
    answer(principal, Action.PUBLISH, repository)
    (event,) = denials()
    assert event.result == "denied"
    assert (event.actor["name"], event.actor["token_id"]) == ("reader", principal.token_id)
    assert (event.resource["id"], event.resource["name"]) == (
        str(repository.id),
        "acme/npm-private",
    )
    assert (event.organization, event.repository, event.protocol) == (
        "acme",
        "npm-private",
        "npm",
    )
    assert event.details == {"wanted": "publish", "answer": "forbidden", "package": PACKAGE}


def test_nobody_fills_the_audit_without_signing_in(
    world: World, denials: Callable[[], list[AuditRecord]]
) -> None:
    for repository in world.repositories.values():
        answers(ANONYMOUS, repository)
    assert denials() == []


def test_what_has_no_repository_yet_is_still_within_the_tokens_limits(world: World) -> None:
    organization = world.organization.id
    for limits in (
        TokenLimits(),
        TokenLimits(protocols=frozenset({"npm"}), organizations=frozenset({str(organization)})),
    ):
        principal = world.with_token("organization_owner", limits)
        access.require_token_allows(principal, Action.PUBLISH, "npm", organization)
    for limits in (
        TokenLimits(protocols=frozenset({"cargo"})),
        TokenLimits(actions=frozenset({"read"})),
        TokenLimits(organizations=frozenset({str(world.umbrella.id)})),
        TokenLimits(packages=frozenset({PACKAGE})),
    ):
        principal = world.with_token("organization_owner", limits)
        with pytest.raises(Forbidden):
            access.require_token_allows(principal, Action.PUBLISH, "npm", organization)
