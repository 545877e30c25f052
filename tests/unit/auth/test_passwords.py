from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.auth import passwords
from app.auth.password_rules import LONGEST
from app.auth.passwords import EncodedPassword
from app.extensions import bind

if TYPE_CHECKING:
    from flask import Flask

    from config.settings import Settings


def kept(password: str, *, iterations: int) -> str:
    salt = b"0123456789abcdef"
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    encoded = (b64encode(part).decode() for part in (salt, digest))
    return "$".join(("pbkdf2_sha256", str(iterations), *encoded))


@given(st.text(st.characters(), max_size=50))
def test_a_password_verifies_against_what_is_kept_of_it(password: str) -> None:
    assert passwords.verify(password, passwords.hash_password(password))


def test_another_password_does_not() -> None:
    assert not passwords.verify("other password", passwords.hash_password("one password"))


def test_two_keepings_of_one_password_differ() -> None:
    assert passwords.hash_password("a password") != passwords.hash_password("a password")


def test_what_is_kept_is_pbkdf2_as_others_compute_it() -> None:
    assert passwords.verify("a password", kept("a password", iterations=1000))


def test_composed_and_decomposed_letters_are_one_password() -> None:
    assert passwords.verify("cafe\u0301", passwords.hash_password("caf\u00e9"))


@pytest.mark.parametrize(("iterations", "expected"), [(999, True), (1000, False), (2000, False)])
def test_an_old_count_verifies_and_is_to_be_upgraded(*, iterations: int, expected: bool) -> None:
    old = kept("a password", iterations=iterations)
    assert passwords.verify("a password", old)
    assert passwords.needs_upgrade(old) is expected


def test_raised_iterations_are_used_for_new_ones(app: Flask, unit_settings: Settings) -> None:
    bind(app, "settings", unit_settings.model_copy(update={"password_iterations": 2000}))
    assert EncodedPassword.parse(passwords.hash_password("a password")).iterations == 2000


def test_nobody_signs_in_where_no_password_is_kept() -> None:
    assert not passwords.verify("", "")
    assert not passwords.verify("a password", "")


def test_one_that_is_too_long_is_nobodys_and_keeps_nobody_waiting() -> None:
    password = "a" + "\u0301\u0323" * 100_000
    started = time.process_time()
    assert not passwords.verify(password, kept(password, iterations=1000))
    assert not passwords.verify(password, "")
    assert time.process_time() - started < 1


@pytest.mark.parametrize("is_known", [True, False])
def test_one_that_is_too_long_takes_the_time_of_a_wrong_one(
    app: Flask, unit_settings: Settings, *, is_known: bool
) -> None:
    bind(app, "settings", unit_settings.model_copy(update={"password_iterations": 200_000}))
    hashed = kept("a password", iterations=200_000) if is_known else ""
    started = time.process_time()
    assert not passwords.verify("a" * (LONGEST + 1), hashed)
    assert time.process_time() - started > 0.01  # without hashing it is a microsecond


@given(
    iterations=st.integers(1, 9_999_999_999),
    salt=st.binary(min_size=1),
    digest=st.binary(min_size=1),
)
def test_the_kept_form_reads_back(iterations: int, salt: bytes, digest: bytes) -> None:
    encoded = EncodedPassword(iterations=iterations, salt=salt, digest=digest)
    assert EncodedPassword.parse(str(encoded)) == encoded


@given(st.text() | st.from_regex(r"pbkdf2_sha256\$[^$]*\$[^$]*\$[^$]*"))
def test_anything_else_is_refused_as_no_kept_password(text: str) -> None:
    try:
        EncodedPassword.parse(text)
    except ValueError:
        return
    assert text.startswith("pbkdf2_sha256$")


def test_under_gevent_others_are_served_while_passwords_are_hashed() -> None:
    program = Path(__file__).with_name("hashing_under_gevent.py")
    root = Path(__file__).parents[3]
    finished = subprocess.run(  # noqa: S603  our own program
        [sys.executable, program],
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    verified, turns = map(int, finished.stdout.split())
    assert verified == 8
    assert turns > 20
