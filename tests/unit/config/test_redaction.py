from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.redaction import is_secret_key, mask_text, redact

SECRET = "q8Zr3vT1xYb7"  # noqa: S105  made up


@pytest.mark.parametrize(
    "text",
    [
        f"token srg_{SECRET}",
        f"DELETE /-/user/token/{SECRET}",
        f'"DELETE /npm/-/user/token/{SECRET} HTTP/1.1" 200',
        f"Authorization: Bearer {SECRET}",
        f"authorization: basic {SECRET}=",
        f"mongodb://packhouse:{SECRET}@db.example.org/?replicaSet=rs0",
        f"GET /blob?X-Amz-Signature={SECRET}&partNumber=1",
        f"https://registry.example.org/?token={SECRET}",
        f"GET /npm/-/v1/done?session={SECRET}",
        f"eyJhbGciOiJIUzI1NiJ9.{SECRET}.{SECRET}",
    ],
)
def test_a_secret_in_a_text_is_masked(text: str) -> None:
    assert SECRET not in mask_text(text)
    assert "***" in mask_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "left-pad@1.0.0",
        "GET /@acme/basic HTTP/1.1",
        "Basic auth is off",
        "mongodb://db.example.org:27017/stackgallery",
        "/-/npm/v1/tokens",
    ],
)
def test_a_harmless_text_is_left_alone(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize(
    "key",
    [
        *("Authorization", "Cookie", "Set-Cookie", "token", "refresh_token", "X-Auth-Token"),
        *("password", "new_password", "client_secret", "api_key", "X-API-Key", "email"),
    ],
)
def test_a_field_that_holds_a_secret_is_known_by_its_name(key: str) -> None:
    assert is_secret_key(key)
    assert redact([{key: SECRET}]) == [{key: "***"}]


@pytest.mark.parametrize("key", ["token_id", "tokens", "path", "password_iterations", "key"])
def test_a_field_that_only_sounds_like_it_is_kept(key: str) -> None:
    assert redact({key: "value"}) == {key: "value"}


@given(
    st.recursive(
        st.none() | st.integers() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
        max_leaves=10,
    )
)
def test_any_value_can_be_redacted_and_redacting_twice_changes_nothing(value: object) -> None:
    once = redact(value)
    assert redact(once) == once
