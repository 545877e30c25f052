from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.errors import InvalidInput, NotFound
from app.protocols.oci.names import (
    LONGEST_NAME,
    Digest,
    parse_digest,
    parse_name,
    parse_new_name,
    parse_reference,
    parse_tag,
)
from app.protocols.oci.refusals import DigestInvalid, NameInvalid, NameUnknown, TagInvalid

GRAMMAR = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"
words = st.text("az09", min_size=1, max_size=3)
separators = st.sampled_from([".", "_", "__", "-", "---"])
components = st.builds(
    lambda first, rest: first + "".join(between + word for between, word in rest),
    words,
    st.lists(st.tuples(separators, words), max_size=3),
)


@given(st.lists(components, min_size=2, max_size=5).map("/".join))
def test_a_name_is_read_and_written_again(name: str) -> None:
    found = parse_name(name)
    assert str(found) == name
    assert found == parse_new_name(name)
    assert found.organization == name.split("/", maxsplit=1)[0]
    assert found.shared.normal == found.package


@given(st.text())
@example("acme/app\n")
@example("acme/app/")
@example("acme/../app")
def test_what_is_no_name_is_refused_and_nothing_else(text: str) -> None:
    is_name = re.fullmatch(GRAMMAR, text) is not None and len(text) <= LONGEST_NAME
    if is_name and "/" in text:
        assert str(parse_name(text)) == text
    else:
        with pytest.raises((NameInvalid, NameUnknown)):
            parse_name(text)
        with pytest.raises(NameInvalid):
            parse_new_name(text)


@pytest.mark.parametrize(
    ("name", "first"), [("acme/app", None), ("acme/web/app", "web"), ("acme/a/b/c", "a")]
)
def test_the_first_component_may_be_a_repository_where_more_follow(
    name: str, first: str | None
) -> None:
    assert parse_name(name).first_component == first


@given(st.sampled_from([("sha256", 64), ("sha512", 128)]), st.data())
def test_a_digest_is_read_and_written_again(kind: tuple[str, int], data: st.DataObject) -> None:
    algorithm, length = kind
    text = data.draw(st.text("0123456789abcdef", min_size=length, max_size=length))
    assert parse_digest(f"{algorithm}:{text}") == Digest(algorithm, text)
    assert str(parse_reference(f"{algorithm}:{text}")) == f"{algorithm}:{text}"


@given(st.text())
@example("sha256:" + "0" * 64 + "\n")
@example("sha256:" + "0" * 63 + "\u0660")
def test_arbitrary_text_is_a_digest_only_where_it_is_one(text: str) -> None:
    try:
        found = parse_digest(text)
    except DigestInvalid:
        return
    assert str(found) == text


@given(st.text())
@example("a" * 128)
@example("a" * 129)
@example("tag\n")
def test_arbitrary_text_is_a_tag_only_where_it_is_one(text: str) -> None:
    is_tag = re.fullmatch(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", text) is not None
    if is_tag:
        assert parse_tag(text) == text
    else:
        with pytest.raises(TagInvalid):
            parse_tag(text)


@given(st.text())
def test_a_reference_is_a_digest_if_and_only_if_it_has_a_colon(text: str) -> None:
    try:
        found = parse_reference(text)
    except InvalidInput:
        return
    assert isinstance(found, Digest) == (":" in text)
    assert not isinstance(found, NotFound)
