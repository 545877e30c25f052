from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from app.auth import signed_tokens
from app.auth.signed_tokens import RefreshClaims
from app.errors import Unauthenticated

if TYPE_CHECKING:
    from config.settings import Settings

USER, SESSION = ObjectId(), ObjectId()
REFRESH = RefreshClaims(user_id=USER, session_id=SESSION, generation=3)


def issue_access() -> str:
    return signed_tokens.issue_access(user_id=USER, session_id=SESSION)


def payload(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def signed(settings: Settings, **changes: object) -> str:
    claims = payload(issue_access()) | changes
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, settings.jwt_secret.get_secret_value(), "HS256")


def test_claims_read_back() -> None:
    claims = signed_tokens.read_access(issue_access())
    assert (claims.user_id, claims.session_id) == (USER, SESSION)
    left = claims.expires_at - datetime.now(UTC)
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    assert signed_tokens.read_refresh(signed_tokens.issue_refresh(REFRESH)) == REFRESH


def test_lifetimes_come_from_the_settings() -> None:
    access = payload(issue_access())
    refresh = payload(signed_tokens.issue_refresh(REFRESH))
    assert access["exp"] - access["iat"] == 15 * 60
    assert refresh["exp"] - refresh["iat"] == 7 * 24 * 3600


def test_one_is_not_taken_for_the_other() -> None:
    with pytest.raises(Unauthenticated):
        signed_tokens.read_access(signed_tokens.issue_refresh(REFRESH))
    with pytest.raises(Unauthenticated):
        signed_tokens.read_refresh(issue_access())


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": int((datetime.now(UTC) - timedelta(seconds=5)).timestamp())},
        {"exp": None},
        {"nbf": int((datetime.now(UTC) + timedelta(hours=1)).timestamp())},
        {"iss": "another"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"sub": None},
        {"sub": "no id"},
        {"sub": 7},
        {"sid": None},
        {"sid": ["x"]},
        {"type": "refresh"},
        {"type": ["access"]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_any_wrong_claim_is_refused(unit_settings: Settings, changes: dict[str, object]) -> None:
    assert signed_tokens.read_access(signed(unit_settings)).user_id == USER
    with pytest.raises(Unauthenticated) as refused:
        signed_tokens.read_access(signed(unit_settings, **changes))
    assert refused.value.wrong_credentials


def test_a_token_signed_with_another_secret_is_refused() -> None:
    claims = payload(issue_access())
    with pytest.raises(Unauthenticated):
        signed_tokens.read_access(jwt.encode(claims, "b" * 64, "HS256"))


@pytest.mark.parametrize("algorithm", ["none", "HS512"])
def test_another_algorithm_is_refused(unit_settings: Settings, algorithm: str) -> None:
    claims = payload(issue_access())
    key = None if algorithm == "none" else unit_settings.jwt_secret.get_secret_value()
    with pytest.raises(Unauthenticated):
        signed_tokens.read_access(jwt.encode(claims, key, algorithm))


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(Unauthenticated):
        signed_tokens.read_access(text)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_any_header_is_refused(header: object) -> None:
    encoded = urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    with pytest.raises(Unauthenticated):
        signed_tokens.read_access(f"{encoded}.e30.AAAA")
