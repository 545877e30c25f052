from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import UnprocessableInput
from app.registry.reserved_words import RESERVED_AT_ROOT, RESERVED_SLUGS
from app.registry.slugs import LONGEST_SLUG, require_organization_slug, require_slug

OCI_COMPONENT = re.compile("[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*")


@pytest.mark.parametrize("slug", ["a", "acme", "a-b.c_d9", "0", "a" * 64])
def test_words_joined_by_single_separators_are_slugs(slug: str) -> None:
    require_slug(slug, field="/slug")


@pytest.mark.parametrize(
    "slug", ["", "A", "-a", "a-", "a--b", "a._b", "a b", "ä", "a/b", "a\n", "a" * 65]
)
def test_everything_else_is_none(slug: str) -> None:
    with pytest.raises(UnprocessableInput) as caught:
        require_slug(slug, field="/name")
    assert set(caught.value.fields) == {"/name"}


@pytest.mark.parametrize("word", ["npm", "v2", "o", "latest", "api"])
def test_an_organization_is_not_called_like_a_path_of_ours(word: str) -> None:
    require_slug(word, field="/name")
    with pytest.raises(UnprocessableInput, match="reserved"):
        require_organization_slug(word)


@pytest.mark.parametrize("word", sorted(RESERVED_SLUGS))
def test_no_reserved_word_is_an_organizations_slug(word: str) -> None:
    with pytest.raises(UnprocessableInput):
        require_organization_slug(word)


def test_packages_may_be_called_like_some_words_that_organizations_may_not() -> None:
    assert {"admin", "crates", "latest"} == RESERVED_SLUGS - RESERVED_AT_ROOT


@given(st.text(alphabet="ab9-._A ", max_size=70))
def test_every_slug_is_a_component_of_an_oci_name(text: str) -> None:
    try:
        require_slug(text, field="/slug")
    except UnprocessableInput:
        return
    assert len(text) <= LONGEST_SLUG
    assert OCI_COMPONENT.fullmatch(text)
