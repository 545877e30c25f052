from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.protocols.npm import versions


@pytest.mark.parametrize(
    "raw", ["1", "v1.0", "1.0.0.0", "latest", "01.2.3", "1.0.0-" + "a" * 251, ""]
)
def test_what_is_no_strict_version_cannot_be_published(raw: str) -> None:
    with pytest.raises(InvalidInput, match="is not a semantic version"):
        versions.parse_version(raw)


def test_versions_that_differ_in_build_metadata_have_one_key() -> None:
    assert versions.normalise("1.0.0+a") == versions.normalise("1.0.0+b") == "1.0.0"


@pytest.mark.parametrize("tag", ["latest", "next", "beta", "v", "release-1.x", "canary_2", "x1"])
def test_a_word_is_a_tag(tag: str) -> None:
    assert versions.is_valid_tag(tag)


@pytest.mark.parametrize(
    "tag",
    [
        *("1.x", ">=1", "v1.0.0", "", "../x", "x", "X", "*", "1", "1.2.3", "~1", "^1", "=1", "v1"),
        *(
            "1 - 2",
            "1 || 2",
            " next",
            "next\n",
            "a b",
            "a/b",
            "a%b",
            "..",
            ".",
            "n\u00e9xt",
            "\x00",
        ),
        *("*1.2.3", "t" * 215),
    ],
)
def test_what_npm_could_not_use_as_a_tag_is_refused(tag: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be a tag"):
        versions.require_tag(tag)


@given(st.text(max_size=30))
def test_a_valid_tag_can_stand_in_a_url_as_it_is(raw: str) -> None:
    assert not versions.is_valid_tag(raw) or (raw.isascii() and not set(raw) & set("/%?#\\ "))
