"""One contract for the charter, kept by MongoDB and by the model that the simulation uses."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pymongo import MongoClient

from app.coherence.charter import ABSENT, Charter, CharterStore, MongoCharterStore
from app.errors import Unavailable
from tests.unit.coherence.model import ModelCharterStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.settings import Settings

FIRST = Charter(edition="e1", term="t1", seat="s1", is_open=True)
SECOND = replace(FIRST, edition="e2", is_open=False)


@pytest.fixture(params=["model", "mongodb"])
def store(request: pytest.FixtureRequest) -> Iterator[CharterStore]:
    if request.param == "model":
        yield ModelCharterStore()
        return
    settings: Settings = request.getfixturevalue("settings")
    with MongoClient[dict[str, Any]](settings.mongodb_url) as client:
        yield MongoCharterStore(client[settings.mongodb_db])


def test_there_is_none_at_first(store: CharterStore) -> None:
    assert store.read() == ABSENT


def test_the_first_to_write_it_wins(store: CharterStore) -> None:
    assert store.found(FIRST)
    assert not store.found(SECOND)
    assert store.read() == FIRST


def test_reading_changes_nothing(store: CharterStore) -> None:
    store.found(FIRST)
    store.read()
    assert store.read() == FIRST


def test_only_the_present_edition_is_replaced(store: CharterStore) -> None:
    assert not store.amend("", FIRST)
    store.found(FIRST)
    assert store.amend(FIRST.edition, SECOND)
    assert not store.amend(FIRST.edition, FIRST)
    assert store.read() == SECOND


def test_closing_takes_the_seat_away_and_keeps_the_term(store: CharterStore) -> None:
    store.found(FIRST)
    closed = store.close()
    assert closed == store.read()
    assert (closed.term, closed.seat, closed.is_open) == (FIRST.term, None, False)
    assert closed.edition != FIRST.edition


def test_closing_again_is_another_edition_of_the_same_term(store: CharterStore) -> None:
    one, other = store.close(), store.close()
    assert one.edition != other.edition
    assert one.term == other.term != ABSENT.term
    assert not store.amend(one.edition, FIRST)


def test_many_readers_at_once_do_not_disturb_each_other(settings: Settings) -> None:
    with MongoClient[dict[str, Any]](settings.mongodb_url) as client:
        store = MongoCharterStore(client[settings.mongodb_db])
        store.found(FIRST)
        seen: list[Charter] = []
        threads = [threading.Thread(target=lambda: seen.append(store.read())) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert seen == [FIRST] * 20


def test_a_database_that_does_not_answer_is_unavailable() -> None:
    with MongoClient[dict[str, Any]]("mongodb://127.0.0.1:9/") as client:
        store = MongoCharterStore(client["nowhere"])
        with pytest.raises(Unavailable):
            store.read()
