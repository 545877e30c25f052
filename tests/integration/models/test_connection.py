from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from app.errors import Unavailable
from app.models import PlatformSettings, connection, in_transaction
from app.models.connection import is_in_transaction, write_unsynced
from app.models.rows import rows_of
from app.standalone.process import running
from app.standalone.servers import MongoServer
from tests.oplog import a_write_under_way

if TYPE_CHECKING:
    from pathlib import Path

    from pymongo.database import Database

    from config.settings import Settings


@pytest.mark.usefixtures("database")
def test_all_of_a_transaction_happens_or_nothing() -> None:
    def work() -> None:
        PlatformSettings(name="first").save()
        PlatformSettings(name="second").save()
        raise LookupError

    with pytest.raises(LookupError):
        in_transaction(work)
    assert PlatformSettings.objects.count() == 0


@pytest.mark.usefixtures("database")
def test_code_can_tell_whether_it_is_part_of_a_transaction() -> None:
    assert not is_in_transaction()
    assert in_transaction(is_in_transaction)
    assert not is_in_transaction()


def test_a_url_that_names_a_write_concern_can_be_used(settings: Settings) -> None:
    """As those of hosted MongoDB do; within a transaction the server would refuse it."""
    url = settings.mongodb_url + "&w=majority&journal=true&wtimeoutMS=5000"
    connection.connect(url, settings.mongodb_db)
    try:
        in_transaction(lambda: PlatformSettings(name="first").save())
        assert PlatformSettings.objects.count() == 1
        connection.client().drop_database(settings.mongodb_db)
    finally:
        connection.disconnect()


def test_a_transaction_sees_the_unsynced_write_that_it_comes_after(
    database: Database[dict[str, Any]],
) -> None:
    def seen() -> int:
        return rows_of(PlatformSettings).count_documents({})

    with ThreadPoolExecutor(1) as pool:
        with a_write_under_way(database):
            row = PlatformSettings(name="first").to_mongo()
            written = write_unsynced(PlatformSettings, lambda rows: rows.insert_one(row))
            waiting = pool.submit(in_transaction, seen, after=written.at)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.2)
        assert waiting.result() == 1


@pytest.mark.chaos
def test_a_transaction_gives_up_while_its_caller_still_waits(tmp_path: Path) -> None:
    server = MongoServer(tmp_path / "mongodb", tmp_path / "mongodb.log")
    with running(server.part()) as process:
        connection.connect(server.url, "test")
        try:
            PlatformSettings(name="before").save()

            def work() -> None:
                PlatformSettings(name="first").save()
                process.kill()
                PlatformSettings(name="second").save()

            started = time.monotonic()
            with pytest.raises(Unavailable):
                in_transaction(work)
            assert time.monotonic() - started < 20
        finally:
            connection.disconnect()
