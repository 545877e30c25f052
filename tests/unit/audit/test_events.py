from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.audit.context import RequestFacts
from app.audit.events import (
    Actor,
    ActorType,
    AuditAction,
    AuditEvent,
    Detail,
    Resource,
    canonical,
    new_event_id,
    time_text,
)

any_text = st.text(st.characters())  # lone surrogates too, as a JSON body may have them
json_text = st.text(st.characters(exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | json_text,
    lambda inner: st.lists(inner) | st.dictionaries(json_text, inner),
    max_leaves=20,
)


def event(details: dict[str, Detail], *, name: str = "alice", agent: str = "npm") -> AuditEvent:
    return AuditEvent(
        id=new_event_id(),
        moment=datetime(2026, 1, 2, 3, 4, 5, 678000, UTC),
        actor=Actor(type=ActorType.USER, name=name),
        action=AuditAction.PACKAGE_PUBLISH,
        resource=Resource(type="package", name=name),
        request=RequestFacts(user_agent=agent),
        details=details,
    )


@given(json_values)
@example({"\u2028\x7f\x1f": '"\\/\b'})
def test_the_form_that_is_hashed_is_what_the_standard_library_writes(value: object) -> None:
    written = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical(value) == written.encode()


@given(any_text, any_text, any_text)
@example("\ud800", "\0", "x" * 5000)
def test_an_event_takes_any_text_that_a_client_sends(name: str, agent: str, key: str) -> None:
    body = json.loads(event({key: name, "list": [agent]}, name=name, agent=agent).body())
    assert len(body["resource"]["name"]) <= 1000
    assert "\0" not in "".join([*body["details"], body["user_agent"], body["actor"]["name"]])


@pytest.mark.parametrize(
    "value", [1.5, 2**53, b"bytes", datetime(2026, 1, 2, tzinfo=UTC)], ids=repr
)
def test_an_event_refuses_what_would_not_be_read_back_unchanged(value: object) -> None:
    with pytest.raises(TypeError):
        event({"value": value}).body()  # type: ignore[dict-item]  # the mistake under test


def test_an_event_keeps_secrets_out_of_its_texts() -> None:
    body = event({"path": "/-/user/token/abc", "text": "srg_abcdefgh"}, agent="Bearer abcdefgh1")
    assert b"abc" not in body.body().replace(b"***", b"")


@given(st.integers(0, 2**62), st.integers(250, 2**62))
def test_ids_sort_by_the_time_at_which_they_were_made(moment_ns: int, later_ns: int) -> None:
    assert new_event_id(moment_ns) < new_event_id(moment_ns + later_ns)


def test_the_events_of_one_process_keep_their_order() -> None:
    start_ns = 1_767_323_045_678_000_000
    ids = [new_event_id(start_ns + 250 * n) for n in range(4000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_an_id_is_a_uuid_of_version_7() -> None:
    moment_ms = 1_767_323_045_678
    made = uuid.UUID(new_event_id(moment_ms * 1_000_000))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == moment_ms


@given(st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  naive bounds are the API
def test_a_time_is_written_to_the_millisecond_and_read_back(moment: datetime) -> None:
    written = time_text(moment)
    assert written.endswith("Z")
    assert datetime.fromisoformat(written) == moment.replace(
        microsecond=moment.microsecond // 1000 * 1000
    )
