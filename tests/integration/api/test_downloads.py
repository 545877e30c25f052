"""``/packages/{package}/downloads``: what is counted, and what it survives."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from bson import ObjectId
from redis.exceptions import ConnectionError as RedisConnectionError

from app.extensions import downloads
from app.models import CountedBatch, DownloadCount
from app.models.rows import rows_of
from app.registry import download_counts
from app.registry.download_counts import Download
from tests.api_client import pointers_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from tests.api_client import ApiClient
    from tests.world import Person

TARBALL = "/o/acme/npm/@acme%2fthing/-/thing-1.0.0.tgz"


@pytest.fixture
def package(api: ApiClient, alice: Person, publish: Callable[..., None]) -> str:
    """The id of a package with two versions."""
    publish("@acme/thing", "1.0.0")
    publish("@acme/thing", "1.1.0")
    found: str = api.as_(alice).read("/packages/by-name/npm/acme/@acme%2fthing")["id"]
    return found


@pytest.fixture
def get(app: Flask, alice: Person) -> Callable[..., int]:
    """Ask for a file as Alice; returns the status."""

    def ask(path: str, method: str = "GET", **headers: str) -> int:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = app.test_client().open(path, method=method, headers={**alice.bearer, **sent})
        answer.get_data()
        return answer.status_code

    return ask


@pytest.fixture
def counted(app: Flask, api: ApiClient, alice: Person, package: str) -> Callable[..., Any]:
    """Return what is counted by now, by version."""

    def read(query: str = "") -> dict[str, int]:
        with app.app_context():
            download_counts.send()
            download_counts.flush()
        items = api.as_(alice).items(f"/packages/{package}/downloads{query}")
        return {one["version"]: one["downloads"] for one in items}

    return read


def test_each_whole_download_is_counted_also_from_memory(
    get: Callable[..., int], counted: Callable[..., Any]
) -> None:
    assert [get(TARBALL) for _ in range(3)] == [200, 200, 200]
    assert get(TARBALL.replace("1.0.0", "1.1.0")) == 200
    assert counted() == {"1.0.0": 3, "1.1.0": 1}
    get(TARBALL)
    assert counted() == {"1.0.0": 4, "1.1.0": 1}


def test_what_is_no_download_is_not_counted(
    app: Flask, alice: Person, get: Callable[..., int], counted: Callable[..., Any]
) -> None:
    etag = app.test_client().head(TARBALL, headers=alice.bearer).headers["ETag"]
    assert get(TARBALL, "HEAD") == 200
    assert get(TARBALL, If_None_Match=etag) == 304
    assert get(TARBALL, Range="bytes=5-") == 206
    assert get(TARBALL.replace("1.0.0", "9.9.9")) == 404
    assert get("/o/acme/npm/@acme%2fthing") == 200
    assert counted() == {}
    assert get(TARBALL, Range="bytes=0-9") == 206
    assert get(TARBALL) == 200
    assert get(TARBALL, If_None_Match=etag) == 304
    assert get(TARBALL, "HEAD") == 200
    assert counted() == {"1.0.0": 2}


def test_days_are_chosen_and_wrong_ones_refused(
    api: ApiClient,
    alice: Person,
    package: str,
    get: Callable[..., int],
    counted: Callable[..., Any],
) -> None:
    get(TARBALL)
    today = datetime.now(UTC).date().isoformat()
    assert counted(f"?from={today}&to={today}") == {"1.0.0": 1}
    assert counted("?to=2026-01-01") == {}
    assert counted("?from=2999-01-01&to=2999-01-02") == {}
    client = api.as_(alice)
    for wrong in ("from=yesterday", "to=2026-13-01", "days=7"):
        name = wrong.partition("=")[0]
        refused = client.get(f"/packages/{package}/downloads?{wrong}")
        assert pointers_of(refused) == {f"/{name}"}


def test_who_may_not_read_the_package_learns_nothing(
    api: ApiClient, people: dict[str, Person | None], package: str
) -> None:
    found = {
        who: api.as_(one).get(f"/packages/{package}/downloads").status_code
        for who, one in people.items()
    }
    assert found == {
        "nobody": 401,
        "stranger": 404,
        "member": 404,
        "admin": 200,
        "owner": 200,
        "root": 200,
    }


@pytest.mark.parametrize("dies_after", [1, 2, 3])
def test_a_flush_that_dies_is_finished_by_the_next_one_and_counts_nothing_twice(
    app: Flask, api: ApiClient, alice: Person, package: str, dies_after: int
) -> None:
    parts = iter(range(1, 10))

    def die() -> None:
        if next(parts) == dies_after:
            raise KeyboardInterrupt

    with app.app_context():
        for number in range(6):
            for _ in range(number + 1):
                downloads.note(Download(ObjectId(package), f"1.{number}.0"))
        download_counts.send()
        with pytest.raises(KeyboardInterrupt):
            download_counts.flush(most_in_part=2, after_part=die)
        downloads.note(Download(ObjectId(package), "1.0.0"))  # and it goes on
        download_counts.send()
        assert download_counts.flush(most_in_part=2) == 6
        assert download_counts.flush(most_in_part=2) == 1
        assert download_counts.flush(most_in_part=2) == 0
        assert rows_of(CountedBatch).count_documents({}) == 4
    items = api.as_(alice).items(f"/packages/{package}/downloads")
    assert {one["version"]: one["downloads"] for one in items} == {
        f"1.{number}.0": number + 1 + (number == 0) for number in range(6)
    }


def test_what_redis_does_not_take_is_kept(
    app: Flask, package: str, get: Callable[..., int], counted: Callable[..., Any]
) -> None:
    get(TARBALL)
    with app.app_context():
        counts = downloads.take()
        assert counts.total() == 1
        assert downloads.give_back(counts) == 0
    del package
    assert counted() == {"1.0.0": 1}


def test_memory_holds_so_many_kinds_of_counts_and_no_more(app: Flask, package: str) -> None:
    row = ObjectId(package)
    with app.app_context():
        for number in range(10_050):
            downloads.note(Download(row, str(number)))
            downloads.note(Download(row, "often"))
        assert downloads.give_back(downloads.take()) == 51
        kept = downloads.take()
    assert len(kept) == 10_000
    assert max(kept.values()) == 10_050


def test_a_deleted_version_keeps_its_counts(
    api: ApiClient,
    alice: Person,
    package: str,
    get: Callable[..., int],
    counted: Callable[..., Any],
) -> None:
    get(TARBALL)
    assert api.as_(alice).delete(f"/packages/{package}/versions/1.0.0").status_code == 204
    assert counted() == {"1.0.0": 1}


def test_a_download_needs_no_redis(
    app: Flask, alice: Person, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    del package

    def refuse(*_arguments: Any, **_options: Any) -> None:
        raise RedisConnectionError

    with app.app_context():
        app.test_client().get(TARBALL, headers=alice.bearer).get_data()
        monkeypatch.setattr("redis.client.Pipeline.execute", refuse)
        download_counts.send()
        monkeypatch.undo()
        download_counts.send()
        assert download_counts.flush() == 1
        assert rows_of(DownloadCount).find_one({})["count"] == 1
