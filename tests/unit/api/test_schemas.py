from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from marshmallow import ValidationError, fields

from app.api.parsing import unprocessable
from app.api.schemas import Content, Map, Moment, Sequence, names, text


@dataclass(frozen=True, kw_only=True)
class Thing:
    title: str
    at: datetime | None = None
    parts: tuple[str, ...] = ()
    labels: dict[str, tuple[str, ...]] | None = None


class ThingSchema(Content):
    makes = Thing

    title = text(longest=5, required=True)
    at = Moment(load_default=None)
    parts = Sequence(fields.String(), load_default=())
    labels = Map(keys=fields.String(), values=names(), load_default=None)


def refused(body: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        ThingSchema().load(body)
    return unprocessable(caught.value.messages).fields


def test_a_body_becomes_a_frozen_value() -> None:
    thing = ThingSchema().load({"title": "x", "parts": ["a"], "labels": {"npm": ["b"]}})
    assert thing == Thing(title="x", parts=("a",), labels={"npm": ("b",)})


def test_each_problem_has_a_pointer_to_its_value() -> None:
    assert set(refused({"parts": [1, "a"], "labels": {"a/b": ["x", 2], "c~": 3}, "d": 1})) == {
        "/title",
        "/parts/0",
        "/labels/a~1b/1",
        "/labels/c~0",
        "/d",
    }
    assert set(refused({"title": "too long"})) == {"/title"}
    assert set(refused({"title": "a\0b"})) == {"/title"}
    assert set(refused([])) == {""}


def test_moments_are_written_in_utc_with_milliseconds() -> None:
    east = datetime(2026, 3, 1, 10, 12, 44, 120999, tzinfo=timezone(timedelta(hours=1)))
    assert ThingSchema().dump(Thing(title="x", at=east))["at"] == "2026-03-01T09:12:44.120Z"


def test_moments_are_read_with_an_offset_only() -> None:
    read = ThingSchema().load({"title": "x", "at": "2026-03-01T10:12:44+01:00"})
    assert read.at == datetime(2026, 3, 1, 9, 12, 44, tzinfo=UTC)
    assert set(refused({"title": "x", "at": "2026-03-01T10:12:44"})) == {"/at"}
    assert set(refused({"title": "x", "at": "tomorrow"})) == {"/at"}
