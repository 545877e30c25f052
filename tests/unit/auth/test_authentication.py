from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.auth.authentication import authenticate, read_authorization_header
from app.auth.principal import ANONYMOUS, ClientInfo, CredentialScheme
from app.errors import Unauthenticated

TOKEN = "srg_0123456789abcdefghijABCDEFGHIJ000000"  # noqa: S105  nobody's

without_control_characters = st.text(
    st.characters(min_codepoint=0x20, exclude_characters="\x7f", exclude_categories=["Cs"])
)


def basic(username: str, password: str, encoding: str = "utf-8") -> str:
    return "Basic " + b64encode(f"{username}:{password}".encode(encoding)).decode()


def test_no_header_is_no_credentials() -> None:
    assert read_authorization_header(None) is None


def test_no_credentials_are_the_anonymous_caller() -> None:
    assert authenticate(None, ClientInfo()) is ANONYMOUS


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  ", "token ", "Token ", ""])
def test_a_token_comes_with_bearer_or_token_or_bare(scheme: str) -> None:
    found = read_authorization_header(scheme + TOKEN)
    assert found is not None
    assert (found.scheme, found.secret) == (CredentialScheme.BEARER, TOKEN)


@given(
    username=without_control_characters.filter(lambda text: ":" not in text),
    password=without_control_characters,
)
def test_basic_reads_back(username: str, password: str) -> None:
    found = read_authorization_header(basic(username, password))
    assert found is not None
    assert found.scheme is CredentialScheme.BASIC
    assert (found.username, found.secret) == (username, password)


def test_basic_in_latin_1_is_read_as_pip_and_twine_send_it() -> None:
    found = read_authorization_header(basic("jürgen", "größe", "latin-1"))
    assert found is not None
    assert (found.username, found.secret) == ("jürgen", "größe")


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "Basic ###",
        "Basic YWxpY2U6cHc",  # no padding
        "Basic " + b64encode(b"no colon").decode(),
        "Basic " + b64encode(b"alice:with\nnewline").decode(),
        "Basic YWxpY2U6cHc= more",
        "Digest username=alice",
        "Digest YWxpY2U=",
        "Bearer two words",
        "Bearer tab\tinside",
        "Negotiate YWxpY2U=",
        "Bearer naïve",
    ],
)
def test_what_is_malformed_is_refused_and_not_taken_for_anonymous(value: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        read_authorization_header(value)
    assert refused.value.wrong_credentials


@given(st.text() | st.from_regex(r"(?i)basic .*") | st.from_regex(r"(?i)bearer .*"))
@example("Basic =")
@example("Basic ====")
def test_any_header_is_read_or_refused(value: str) -> None:
    try:
        found = read_authorization_header(value)
    except Unauthenticated:
        return
    assert found is not None


def test_credentials_do_not_show_in_logs() -> None:
    found = read_authorization_header(basic(TOKEN, "a password"))
    assert found is not None
    assert TOKEN not in repr(found)
    assert "a password" not in repr(found)
