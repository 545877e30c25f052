"""Whatever is done to the chain behind the registry's back shows, and shows where."""

from __future__ import annotations

import json
import tracemalloc
from copy import deepcopy
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import audit
from app.audit import Actor, ActorType, AuditAction, Link, Resource, chain
from app.models import in_transaction
from app.models.audit import audit_rows, head_rows

if TYPE_CHECKING:
    from flask import Flask

LENGTH = 12

on_one_chain = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
seqs = st.integers(1, LENGTH)


def record_events(count: int) -> None:
    alice = Actor(type=ActorType.USER, id="64a0", name="alice")

    def work() -> None:
        for number in range(count):
            audit.record(
                AuditAction.PACKAGE_PUBLISH,
                actor=alice,
                resource=Resource(type="version", id=f"left-pad@1.0.{number}"),
                details={"size_bytes": number, "sha256": ["00" * 32]},
            )

    in_transaction(work)


class Tampering:
    """A chain, and someone with a shell on its database.

    Attributes:
        head: what an administrator wrote down when the chain was whole.
    """

    def __init__(self) -> None:
        record_events(LENGTH)
        audit.flush()
        self._rows = list(audit_rows().find().sort("_id"))
        self.head = chain.end()
        assert audit.verify() == audit.Verification(
            valid=True, checked=LENGTH, first_bad=None, last=self.head
        )

    def rows(self) -> list[dict[str, Any]]:
        """A copy of the true rows; number ``n`` is at ``n - 1``."""
        return deepcopy(self._rows)

    def replace(self, rows: list[dict[str, Any]], head: Link | None = None) -> None:
        """Put these rows in the chain's place, and move the head if told to."""
        audit_rows().delete_many({})
        if rows:
            audit_rows().insert_many(rows)
        head = head or self.head
        head_rows().replace_one({"_id": "head"}, {"seq": head.seq, "hash": head.hash}, upsert=True)


@pytest.fixture
def tampering(app: Flask) -> Tampering:
    del app
    return Tampering()


def rehashed(rows: list[dict[str, Any]], first: int, last: int | None = None) -> Link:
    """Give the rows from ``first`` on the numbers and hashes that would make them right."""
    before = chain.START if first == 1 else Link(first - 1, rows[first - 2]["hash"])
    for row in rows[first - 1 : last]:
        row["_id"] = before.seq + 1
        row["prev_hash"] = before.hash
        row["hash"] = chain.digest(chain.to_event(row))
        before = Link(row["_id"], row["hash"])
    return before


@on_one_chain
@given(
    seq=seqs,
    change=st.sampled_from(
        [
            ("actor.name", "mallory"),
            ("actor", {}),
            ("action", "package.delete"),
            ("details.size_bytes", 10**6),
            ("details.size_bytes", 1.5),
            ("details.sha256", ["11" * 32]),
            ("event_id", "another"),
            ("hash", "0" * 64),
            ("ip", None),
            ("note", "a field that was not there"),
            ("id", "a field that is there by another name"),
            ("prev_hash", "1" * 64),
            ("result", "denied"),
            ("time", "2026-01-01T00:00:00.000Z"),
        ]
    ),
)
def test_a_changed_event_is_found(
    tampering: Tampering, seq: int, change: tuple[str, object]
) -> None:
    tampering.replace(tampering.rows())
    audit_rows().update_one({"_id": seq}, {"$set": {change[0]: change[1]}})
    found = audit.verify()
    assert (found.valid, found.first_bad, found.checked) == (False, seq, seq - 1)


@on_one_chain
@given(seq=seqs, field=st.sampled_from(["time", "actor", "details", "hash", "prev_hash", "ip"]))
def test_an_event_that_lost_a_field_is_found(tampering: Tampering, seq: int, field: str) -> None:
    tampering.replace(tampering.rows())
    audit_rows().update_one({"_id": seq}, {"$unset": {field: ""}})
    assert audit.verify().first_bad == seq


@on_one_chain
@given(seq=seqs)
def test_a_changed_event_with_a_right_hash_of_its_own_is_found(
    tampering: Tampering, seq: int
) -> None:
    rows = tampering.rows()
    rows[seq - 1]["result"] = "denied"
    rehashed(rows, seq, seq)
    tampering.replace(rows)
    # The next event, or for the last one the head, holds the hash that it had.
    assert audit.verify().first_bad == min(seq + 1, LENGTH)


@on_one_chain
@given(seq=seqs, renumber=st.booleans())
def test_a_removed_event_is_found(tampering: Tampering, seq: int, *, renumber: bool) -> None:
    rows = tampering.rows()
    del rows[seq - 1]
    if renumber:
        for row in rows[seq - 1 :]:
            row["_id"] -= 1
    tampering.replace(rows)
    assert audit.verify().first_bad == seq


@on_one_chain
@given(seq=seqs)
def test_an_inserted_event_is_found(tampering: Tampering, seq: int) -> None:
    rows = tampering.rows()
    for row in rows[seq - 1 :]:
        row["_id"] += 1
    rows.insert(seq - 1, {**tampering.rows()[0], "event_id": "forged", "_id": seq})
    tampering.replace(rows)
    assert audit.verify().first_bad == seq


@pytest.mark.parametrize(
    ("place", "first_bad"), [(0, LENGTH + 1), (-3, LENGTH + 1), (2.5, 3), ("x", LENGTH + 1)]
)
def test_an_event_in_a_place_that_is_none_is_found(
    tampering: Tampering, place: object, first_bad: int
) -> None:
    forged = {**tampering.rows()[0], "event_id": "forged", "_id": place}
    tampering.replace([*tampering.rows(), forged])
    assert audit.verify().first_bad == first_bad


@on_one_chain
@given(places=st.lists(seqs, min_size=2, max_size=2, unique=True).map(sorted))
def test_events_that_changed_places_are_found(tampering: Tampering, places: list[int]) -> None:
    first, second = places
    rows = tampering.rows()
    rows[first - 1]["_id"], rows[second - 1]["_id"] = second, first
    tampering.replace(rows)
    assert audit.verify().first_bad == first


@on_one_chain
@given(seq=seqs)
def test_an_end_that_was_cut_off_is_found(tampering: Tampering, seq: int) -> None:
    tampering.replace(tampering.rows()[: seq - 1])
    found = audit.verify()
    assert (found.valid, found.first_bad, found.checked) == (False, seq, seq - 1)


@on_one_chain
@given(seq=seqs)
def test_an_end_that_was_cut_off_is_still_found_when_the_chain_has_gone_on(
    tampering: Tampering, seq: int
) -> None:
    tampering.replace(tampering.rows()[: seq - 1])
    record_events(LENGTH)
    assert audit.flush() == LENGTH
    assert audit.verify().first_bad == seq


def test_a_last_event_that_was_written_anew_is_still_found_when_the_chain_has_gone_on(
    tampering: Tampering,
) -> None:
    rows = tampering.rows()
    rows[-1]["result"] = "denied"
    rehashed(rows, LENGTH)
    tampering.replace(rows)
    record_events(1)
    audit.flush()
    assert audit.verify().first_bad == LENGTH + 1


def test_an_event_beyond_the_end_that_does_not_follow_it_is_found(tampering: Tampering) -> None:
    forged = {**tampering.rows()[-1], "event_id": "forged", "_id": LENGTH + 1}
    tampering.replace([*tampering.rows(), forged])
    assert audit.verify().first_bad == LENGTH + 1


@on_one_chain
@given(seq=seqs, move_head=st.booleans())
def test_a_chain_that_was_written_anew_is_found(
    tampering: Tampering, seq: int, *, move_head: bool
) -> None:
    rows = tampering.rows()
    rows[seq - 1]["result"] = "denied"
    end = rehashed(rows, seq)
    tampering.replace(rows, head=end if move_head else None)
    if move_head:
        # Whoever may write the whole database can do this; only an anchor outside shows it.
        assert audit.verify().valid
        assert audit.verify(anchor=tampering.head).first_bad == LENGTH
    else:
        assert audit.verify().first_bad == LENGTH


@on_one_chain
@given(seq=seqs)
def test_a_chain_that_was_cut_off_with_its_head_is_found_by_an_anchor(
    tampering: Tampering, seq: int
) -> None:
    rows = tampering.rows()[: seq - 1]
    tampering.replace(rows, head=Link(seq - 1, rows[-1]["hash"]) if rows else chain.START)
    assert audit.verify(anchor=tampering.head).first_bad == seq


@pytest.mark.usefixtures("app")
def test_an_anchor_in_the_middle_of_a_longer_chain_holds() -> None:
    record_events(3)
    audit.flush()
    anchor = audit.verify().last
    record_events(2)
    audit.flush()
    assert audit.verify(anchor=anchor).checked == 5


@pytest.mark.usefixtures("app")
def test_an_empty_chain_is_whole() -> None:
    assert audit.verify().valid
    assert audit.verify().checked == 0


@pytest.mark.usefixtures("app")
def test_an_exported_line_can_be_checked_by_anyone() -> None:
    """By the standard library alone, as docs/audit.md tells a third party."""
    record_events(3)
    audit.flush()
    previous = "0" * 64
    for number, line in enumerate(audit.export(), 1):
        event = json.loads(line)
        claimed = event.pop("hash")
        text = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert (event["seq"], event["prev_hash"]) == (number, previous)
        assert sha256(text.encode()).hexdigest() == claimed
        previous = claimed
    assert Link(3, previous) == audit.verify().last


@pytest.mark.usefixtures("app")
def test_an_export_starts_where_it_is_told_to() -> None:
    record_events(3)
    audit.flush()
    assert [json.loads(line)["seq"] for line in audit.export(2)] == [2, 3]


@pytest.mark.usefixtures("app")
def test_ten_thousand_events_are_checked_and_exported_in_constant_memory() -> None:
    for _ in range(10):
        record_events(1000)
    assert audit.flush() == 10_000
    tracemalloc.start()
    try:
        assert audit.verify().checked == 10_000
        assert sum(1 for _ in audit.export()) == 10_000
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 16 * 1024 * 1024
