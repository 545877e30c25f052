from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from bson import ObjectId
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.api.pagination import next_link, read_cursor, write_cursor
from app.errors import UnprocessableInput
from app.extensions import bind
from config.settings import load_settings

if TYPE_CHECKING:
    from app.registry.listing import Position

KEYS = (
    st.text()
    | st.integers(min_value=-(2**53), max_value=2**53)
    | st.binary(min_size=12, max_size=12).map(ObjectId)
    | st.datetimes(timezones=st.just(UTC)).map(
        lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    )
)
POSITIONS = st.lists(KEYS, min_size=1, max_size=3).map(tuple)


@pytest.fixture(scope="module")
def app() -> Flask:
    app = Flask("pagination_tests")
    bind(app, "settings", load_settings(_env_file=None, auth_encryption_key="ab" * 32))
    return app


@given(position=POSITIONS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_cursor_gives_back_its_position(app: Flask, position: Position) -> None:
    with app.test_request_context("/things?q=x"):
        cursor = write_cursor(position)
        assert cursor.replace("-", "").replace("_", "").isalnum()
        assert read_cursor(cursor) == position


@given(cursor=st.text())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_never_given_is_refused(app: Flask, cursor: str) -> None:
    with app.test_request_context("/things"), pytest.raises(UnprocessableInput):
        read_cursor(cursor)


def test_a_cursor_belongs_to_its_list_and_filters(app: Flask) -> None:
    with app.test_request_context("/things?q=x&limit=5"):
        cursor = write_cursor(("a",))
    with app.test_request_context(f"/things?limit=9&q=x&cursor={cursor}"):
        assert read_cursor(cursor) == ("a",)
    for other in ("/things", "/things?q=y", "/others?q=x", "/things?q=x&q=x"):
        with app.test_request_context(other), pytest.raises(UnprocessableInput):
            read_cursor(cursor)


def test_a_link_keeps_the_filters(app: Flask) -> None:
    with app.test_request_context("/things?q=a%20b&limit=5&cursor=old"):
        assert next_link(5, "new") == '</things?q=a+b&limit=5&cursor=new>; rel="next"'


def test_moments_keep_their_milliseconds(app: Flask) -> None:
    moment = datetime(2026, 3, 1, 9, 12, 44, 120000, tzinfo=UTC)
    with app.test_request_context("/things"):
        assert read_cursor(write_cursor((moment, 1))) == (moment, 1)
