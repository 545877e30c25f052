from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.auth.principal import Principal
from app.errors import InvalidInput
from app.protocols.oci.grants import (
    CATALOG,
    MOST_SCOPES,
    AskedScope,
    parse_scopes,
    repository_resource,
    require_catalog_scope,
    require_scope,
)
from app.protocols.oci.names import parse_name
from app.protocols.oci.refusals import InsufficientScope

ALL = frozenset({"pull", "push", "delete", "*"})


@pytest.mark.parametrize(
    ("text", "kind", "name", "actions"),
    [
        ("repository:acme/app:pull", "repository", "acme/app", {"pull"}),
        ("repository:acme/app:push,pull", "repository", "acme/app", {"push", "pull"}),
        ("repository:acme/app:*", "repository", "acme/app", ALL),
        ("repository(plugin):acme/p:pull", "repository", "acme/p", {"pull"}),
        ("repository:host:5000/acme/app:pull", "repository", "host:5000/acme/app", {"pull"}),
        ("registry:catalog:*", "registry", "catalog", {"*"}),
    ],
)
def test_a_scope_is_split_at_its_first_and_last_colon(
    text: str, kind: str, name: str, actions: set[str]
) -> None:
    assert parse_scopes([text]) == (AskedScope(kind=kind, name=name, actions=frozenset(actions)),)


@given(st.lists(st.text()))
def test_what_is_no_scope_asks_for_nothing(values: list[str]) -> None:
    assert len(parse_scopes(values)) <= sum(len(one.split(" ")) for one in values)


def test_repeated_parameters_and_spaces_are_the_same() -> None:
    one, two = "repository:a/b:pull", "repository:c/d:push"
    assert parse_scopes([one, two]) == parse_scopes([f"{one}  {two}"])


def test_more_scopes_than_anybody_needs_are_refused() -> None:
    parse_scopes(["repository:a/b:pull"] * MOST_SCOPES)
    with pytest.raises(InvalidInput):
        parse_scopes(["repository:a/b:pull"] * (MOST_SCOPES + 1))


def test_a_bearer_is_for_its_own_scopes_and_other_credentials_for_all() -> None:
    name = parse_name("acme/app")
    bearer = Principal(scopes=frozenset({(repository_resource(name), "pull")}))
    require_scope(bearer, name, "pull")
    for needed in ("push", "delete"):
        with pytest.raises(InsufficientScope):
            require_scope(bearer, name, needed)
        require_scope(Principal(), name, needed)
    with pytest.raises(InsufficientScope):
        require_scope(bearer, parse_name("acme/app/other"), "pull")
    with pytest.raises(InsufficientScope):
        require_catalog_scope(bearer)
    require_catalog_scope(Principal(scopes=frozenset({CATALOG})))
