from __future__ import annotations

import secrets as random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from app.auth import secrets
from app.auth.secrets import UnsealError
from app.extensions import bind
from config.settings import SettingsError

if TYPE_CHECKING:
    from flask import Flask

    from config.settings import Settings


@given(text=st.text(st.characters(exclude_categories=["Cs"])), purpose=st.text("abc-"))
def test_what_is_sealed_opens_again(text: str, purpose: str) -> None:
    sealed = secrets.seal(text, purpose)
    assert secrets.unseal(sealed, purpose) == text


def test_sealing_twice_gives_nothing_to_compare() -> None:
    assert secrets.seal("secret", "a") != secrets.seal("secret", "a")


def test_it_does_not_open_for_another_purpose() -> None:
    with pytest.raises(UnsealError):
        secrets.unseal(secrets.seal("secret", "upstream-password"), "ldap-password")


@given(st.integers(0))
def test_it_does_not_open_when_one_bit_changed(place: int) -> None:
    sealed = secrets.seal("secret", "a")
    at = 3 + place % (len(sealed) - 3)
    changed = sealed[:at] + ("A" if sealed[at] != "A" else "Q") + sealed[at + 1 :]
    with pytest.raises(UnsealError):
        secrets.unseal(changed, "a")


def test_it_does_not_open_with_another_key(app: Flask, unit_settings: Settings) -> None:
    sealed = secrets.seal("secret", "a")
    other = SecretStr(random.token_hex(32))
    bind(app, "settings", unit_settings.model_copy(update={"auth_encryption_key": other}))
    with pytest.raises(UnsealError):
        secrets.unseal(sealed, "a")


@given(st.text())
def test_anything_else_is_refused(text: str) -> None:
    for value in (text, "v1." + text):
        with pytest.raises(UnsealError):
            secrets.unseal(value, "a")


def test_derived_keys_differ_by_purpose_only() -> None:
    assert secrets.derived_key("a") == secrets.derived_key("a")
    assert secrets.derived_key("a") != secrets.derived_key("b")
    assert len(secrets.derived_key("a")) == 32


def test_without_a_key_the_variable_is_named(app: Flask, unit_settings: Settings) -> None:
    bind(app, "settings", unit_settings.model_copy(update={"auth_encryption_key": SecretStr("")}))
    with pytest.raises(SettingsError, match="AUTH_ENCRYPTION_KEY"):
        secrets.seal("secret", "a")
